"""A payment's state in the customer's words: true at every moment, kind, and never the gateway's text (F6)."""

from typing import Final

from payments.declines import decline
from payments.models import Payment
from payments.states import PaymentStatus

CHECKING: Final = (
    "We are checking with the bank what became of your payment. You will not be charged twice. Please do not pay again."
)
_WORDS: Final[dict[str, str]] = {
    PaymentStatus.PENDING: "Your payment is being processed. Please do not refresh or click again.",
    PaymentStatus.PROCESSING: "Your payment is being processed. Please do not refresh or click again.",
    PaymentStatus.REQUIRES_ACTION: "Your bank wants you to confirm this payment.",
    PaymentStatus.RETRYING: "The payment provider is busy. We are trying again for you; you have not been charged.",
    PaymentStatus.REVIEW: CHECKING,
    PaymentStatus.SUCCESS: "Your payment was successful.",
    PaymentStatus.EXPIRED: "This payment took too long and was closed. You were not charged.",
    PaymentStatus.CANCELED: "This payment was canceled. You were not charged.",
}


def customer_message(payment: Payment) -> str:
    """Return the sentence that the customer reads about `payment` now."""
    if payment.status == PaymentStatus.FAILED:
        return decline(payment.error_code).words
    if payment.outcome_unknown:
        return CHECKING
    return _WORDS[payment.status]
