"""The control API's part about disputes: a customer's bank opens one and, later, decides it.

`POST /control/disputes` takes `charge`, and if wanted `amount` in minor units (all of it), `reason` and `due_by` in UTC
seconds; `POST /control/disputes/{id}/close` takes `status`: `won` or `lost`.
"""

import secrets
from typing import Final

from aiohttp import web

from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.control import charge_named, json_in
from payments.gateways.sandbox.dispute import Dispute, dispute_object
from payments.gateways.sandbox.state import Sandbox

# Shops have some weeks to answer a dispute.
_DUE_IN_MS: Final = 14 * 24 * 60 * 60 * 1000


async def open_dispute(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/disputes: the customer's bank takes the money back for now."""
    given = await json_in(request)
    charge = charge_named(sandbox, given, {"charge", "amount", "reason", "due_by"})
    if isinstance(charge, Answer):
        return charge
    amount, due_by, at = given.get("amount", charge.amount), given.get("due_by"), now_ms()
    if charge.status != "succeeded" or not 0 < amount <= charge.amount or type(due_by) not in {int, type(None)}:
        message = "The charge has succeeded, 'amount' is not more than it, and 'due_by' is in UTC seconds."
        return refused(400, "dispute_invalid", message)
    dispute = Dispute(
        id=f"dp_{secrets.token_hex(12)}",
        charge_id=charge.id,
        reference=charge.reference,
        amount=amount,
        currency=charge.currency,
        status="open",
        reason=given.get("reason", "general"),
        due_by=(at + _DUE_IN_MS) // 1000 if due_by is None else due_by,
        created_ms=at,
    )
    sandbox.store.disputes.open(dispute)
    return answer(201, dispute_object(dispute))


async def close_dispute(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/disputes/{id}/close: `won` or `lost`."""
    given = await json_in(request)
    status = given.get("status") if isinstance(given, dict) else None
    if status not in {"won", "lost"}:
        return refused(400, "dispute_invalid", "'status' is won or lost.")
    book, dispute_id = sandbox.store.disputes, request.match_info["id"]
    closed = book.close(dispute_id, status)
    dispute = book.find(dispute_id)
    if dispute is None:
        return refused(404, "not_found", "There is no such dispute.")
    if not closed:
        return refused(409, "dispute_closed", f"The dispute is {dispute.status}.")
    return answer(200, dispute_object(dispute))
