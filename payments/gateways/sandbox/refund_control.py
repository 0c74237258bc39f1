"""The control API's part about refunds: what people do at the gateway's dashboard, and what banks do.

`POST /control/refunds` takes `charge`, and if wanted `amount` in minor units (what is left of it) and `reason`.
`POST /control/refunds/{id}/fail` takes `code`, and also lets one that had succeeded come back; `…/succeed` ends a
pending one.
"""

from typing import Any, Final

from aiohttp import web

from payments.gateways.sandbox import refunds
from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.control import charge_named, is_number, json_in
from payments.gateways.sandbox.refund import refund_object
from payments.gateways.sandbox.refund_orders import RefundOrder
from payments.gateways.sandbox.scenarios import CODE
from payments.gateways.sandbox.state import Sandbox

_DAY_MS: Final = 24 * 60 * 60 * 1000
_MOST_DAYS: Final = 36_500


async def make_refund(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/refunds: refund at the dashboard, without a key; 402 where the gateway's rules refuse it."""
    given = await json_in(request)
    charge = charge_named(sandbox, given, {"charge", "amount", "reason"})
    if isinstance(charge, Answer):
        return charge
    # Where nothing is left, the gateway's rules refuse the least that there is.
    amount = given.get("amount", max(charge.amount - charge.amount_refunded, 1))
    order = RefundOrder("", charge.id, amount, charge.currency, given.get("reason", ""), "{}", "")
    made = refunds.at_dashboard(sandbox, order)
    return Answer(201, made.body) if made.status == 200 else made


async def fail_refund(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/refunds/{id}/fail: the bank refuses it, or sends it back."""
    given = await json_in(request)
    code = given.get("code") if isinstance(given, dict) else None
    if not (isinstance(code, str) and CODE.fullmatch(code)):
        return refused(400, "refund_invalid", "'code' is up to 64 small letters, digits and underscores.")
    return _changed(sandbox, request, ("pending", "succeeded"), "failed", code)


async def succeed_refund(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/refunds/{id}/succeed: a pending one."""
    return _changed(sandbox, request, ("pending",), "succeeded", None)


async def set_refund_days(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/refund_days: for how many days after it was made a charge can be refunded: `{"days": 180}`."""
    days = _days_in(await json_in(request))
    if days is None:
        return refused(400, "days_invalid", f"'days' is 0 to {_MOST_DAYS}.")
    sandbox.refund_days = days
    return answer(200, {"days": days})


async def age_charge(sandbox: Sandbox, request: web.Request) -> Answer:
    """POST /control/charges/{id}/age: let it count as `days` older for refunds; `created` stays as it is."""
    days = _days_in(await json_in(request))
    if days is None:
        return refused(400, "days_invalid", f"'days' is 0 to {_MOST_DAYS}.")
    charge = sandbox.store.charge(request.match_info["id"])
    if charge is None:
        return refused(404, "not_found", "There is no such charge.")
    sandbox.store.age(charge.id, int(days * _DAY_MS))
    return answer(200, {"id": charge.id, "days": days})


def _changed(sandbox: Sandbox, request: web.Request, old: tuple[str, ...], status: str, code: str | None) -> Answer:
    book, refund_id = sandbox.store.refunds, request.match_info["id"]
    changed = book.change(refund_id, old, status, code)
    refund = book.find(refund_id)
    if refund is None:
        return refused(404, "not_found", "There is no such refund.")
    if not changed:
        return refused(409, "refund_ended", f"The refund is {refund.status}.")
    return answer(200, refund_object(refund))


def _days_in(given: Any) -> float | None:
    days = given.get("days") if isinstance(given, dict) else None
    return float(days) if days is not None and is_number(days, 0, _MOST_DAYS) else None
