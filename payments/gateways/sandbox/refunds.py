"""What the sandbox gateway does with refunds: make one under its key, or at its dashboard, and let one end.

That a refund may be, that it is, its event and its reply are one transaction.
"""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.charge import Charge
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.once import Made, once
from payments.gateways.sandbox.refund import Refund, refund_object
from payments.gateways.sandbox.refund_orders import RefundOrder
from payments.gateways.sandbox.refund_rules import refusal
from payments.gateways.sandbox.saved_replies import SavedReply
from payments.gateways.sandbox.state import Sandbox


class Ruling(NamedTuple):
    """What a fault makes of a refund. code: it is declined with it. seconds: after which a pending one succeeds."""

    code: str = ""
    pending: bool = False
    seconds: float | None = None


_HEALTHY: Final = Ruling()


def ruling_of(kind: str, params: Mapping[str, Any]) -> Ruling:
    """Return what the fault `decline` or `pending` says."""
    if kind == "decline":
        return Ruling(code=params["code"])
    return Ruling(pending=True, seconds=params.get("seconds"))


async def create(sandbox: Sandbox, order: RefundOrder, *, wait: float, ruling: Ruling = _HEALTHY) -> Made:
    """Make the refund once per key, `wait` seconds from now; refusals are kept for the key, malformed requests not."""

    async def first() -> Made:
        if wait:
            await asyncio.sleep(wait)
        store, charge = sandbox.store, sandbox.store.charge(order.charge)
        with store.transaction():
            made = _made(sandbox, order, charge, ruling)
            store.replies.write([SavedReply(order.key, order.digest, made.status, made.body, now_ms())])
        return Made(made)

    return await once(sandbox, order.key, order.digest, first)


async def create_twice(sandbox: Sandbox, order: RefundOrder) -> Made:
    """Refund two times under one key where the amounts allow it; nothing is kept for the key."""
    charge = sandbox.store.charge(order.charge)
    with sandbox.store.transaction():
        answers = [_made(sandbox, order, charge, _HEALTHY) for _ in range(2)]
    return Made(answers[0])


def at_dashboard(sandbox: Sandbox, order: RefundOrder) -> Answer:
    """Do an order without a key, as of people at the gateway's dashboard; the rules are the same."""
    charge = sandbox.store.charge(order.charge)
    with sandbox.store.transaction():
        return _made(sandbox, order, charge, _HEALTHY)


def _made(sandbox: Sandbox, order: RefundOrder, charge: Charge | None, ruling: Ruling) -> Answer:
    """Refund or refuse, inside a transaction; an order without a key is one of the dashboard."""
    store = sandbox.store
    if charge is None:
        return _declined("charge_unknown")
    rules = refusal(charge, order.amount, order.currency, store.standing(charge), sandbox.refund_days)
    if code := ruling.code or rules:
        return _declined(code)
    at = now_ms()
    refund = Refund(
        id=f"re_{at:012x}{secrets.token_hex(10)}",
        key=order.key or None,
        charge_id=charge.id,
        reference=charge.reference,
        amount=order.amount,
        currency=order.currency,
        status="pending" if ruling.pending else "succeeded",
        failure_code=None,
        reason=order.reason,
        metadata=order.metadata,
        created_ms=at,
        succeeds_ms=None if ruling.seconds is None else at + int(ruling.seconds * 1000),
    )
    store.refunds.add(refund)
    return answer(200, refund_object(refund))


def _declined(code: str) -> Answer:
    return refused(402, "refund_declined", "The refund was declined.", kind="refund_error", decline_code=code)
