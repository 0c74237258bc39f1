"""A payment's state in the customer's words: true at every moment, kind, and never the gateway's text (F6)."""

from collections.abc import Collection
from typing import Final

from payments.declines import decline
from payments.models import Payment, SurplusCharge
from payments.states import PaymentStatus, SurplusState

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


def surplus_message(charges: Collection[SurplusCharge], *, is_paid: bool) -> str:
    """Return what the customer reads about `charges`, all that gateways made for one order without right.

    is_paid: whether the order's own payment succeeded, so that they came on top of it.
    """
    if not is_paid:
        taken = "The payment provider took money for this order too late, after the payment had ended."
    elif len(charges) == 1:
        taken = "The payment provider charged you a second time by mistake."
    else:
        taken = f"The payment provider charged you {len(charges)} times too often by mistake."
    states = {charge.state for charge in charges}
    if states == {SurplusState.RETURNED}:
        return f"{taken} That money was given back; banks may take some days to show it."
    if SurplusState.REFUSED in states:
        return f"{taken} We are giving that money back, and our team is seeing to it; you need not do anything."
    return f"{taken} We are giving that money back; you need not do anything."
