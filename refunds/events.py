"""The events about refunds that shops are told (requirement D3)."""

from datetime import datetime
from typing import Final

from payments import events
from payments.models import Event, Payment
from refunds.models import Refund
from refunds.representation import refund as shown
from refunds.states import RefundState

CREATED: Final = "refund.created"
OF_STATE: Final[dict[str, str]] = {
    RefundState.PROCESSING: "refund.processing",
    RefundState.UNKNOWN: "refund.outcome_unknown",
    RefundState.SUCCEEDED: "refund.succeeded",
    RefundState.FAILED: "refund.failed",
    RefundState.REJECTED: "refund.rejected",
}
TYPES: Final[dict[str, str]] = {
    CREATED: "A refund exists: requested, waiting for approval, or made at the gateway's own dashboard.",
    "refund.processing": "A refund is being sent to its gateway, or the gateway has it and is not done.",
    "refund.outcome_unknown": "Nobody knows yet whether the gateway made the refund. Do not refund in another way.",
    "refund.succeeded": "The gateway gave the money back.",
    "refund.failed": "The customer did not get the money, or it came back. Its amount can be refunded again.",
    "refund.rejected": "A refund was called off before anything was sent.",
}


def of_refund(payment: Payment, refund: Refund, type_: str, now: datetime) -> Event:
    """Return the event about `refund` of the locked `payment`, whose counters are as the database has them now."""
    return events.of_payment(payment, type_, now, refund=shown(refund))
