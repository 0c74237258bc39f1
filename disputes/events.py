"""The events about disputes that shops are told (requirement D3)."""

from datetime import datetime
from typing import Final

from disputes.models import Dispute
from disputes.representation import dispute as shown
from disputes.states import DisputeStatus
from payments import events
from payments.models import Event, Payment

CREATED: Final = "dispute.created"
OF_STATUS: Final[dict[str, str]] = {
    DisputeStatus.NEEDS_RESPONSE: "dispute.reopened",
    DisputeStatus.WON: "dispute.won",
    DisputeStatus.LOST: "dispute.lost",
    DisputeStatus.CLOSED: "dispute.closed",
}
TYPES: Final[dict[str, str]] = {
    CREATED: "A customer disputes a charge with the bank. Nothing of the payment can be refunded until that has ended.",
    "dispute.reopened": "A dispute that had ended goes on.",
    "dispute.won": "A dispute ended for the shop. What is left of the payment can be refunded again.",
    "dispute.lost": "A dispute ended for the customer: the disputed money is gone.",
    "dispute.closed": "The gateway knows of no such dispute.",
}


def of_dispute(payment: Payment, dispute: Dispute, type_: str, now: datetime) -> Event:
    """Return the event about `dispute` of the locked `payment`, whose counters are as the database has them now."""
    return events.of_payment(payment, type_, now, dispute=shown(dispute))
