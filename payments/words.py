"""A payment's state in the customer's words: true at every moment, kind, and never the gateway's text (F6).

The sentences of every status and level are listed in docs/customer-messages.md.
"""

from collections.abc import Collection
from typing import Final

from payments import money
from payments.declines import decline
from payments.models import Payment, SurplusCharge
from payments.states import PaymentStatus, SurplusState

CHECKING: Final = (
    "We are checking with the bank what became of your payment. You will not be charged twice. Please do not pay again."
)
SORRY: Final = (
    "We could not take your payment. This is our fault, not yours and not your card's. You were not charged, and your "
    "order is kept. You can try again at any time."
)
# An order that was accepted before it could be paid. None of these says that it is paid.
_ACCEPTED: Final = "Your order is accepted."
_NOTHING_TO_DO: Final = "you need not do anything, and you will not be charged twice."
_NOT_TAKEN: Final = "We had accepted your order, but could not take the payment for it."

# The levels of the ladder that have words of their own (requirement B7; payments/reliability/ladder.py).
_LATER: Final = 4
_KINDLY: Final = 6

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
# Between thousands, and before the decimals (Unicode CLDR); a language of checkout/languages.py has a line here.
_SEPARATORS: Final[dict[str, tuple[str, str]]] = {"en": (",", "."), "de": (".", ",")}
_ACCEPTED_WORDS: Final[dict[str, str]] = {
    PaymentStatus.PENDING: f"{_ACCEPTED} We are taking the payment now; {_NOTHING_TO_DO}",
    PaymentStatus.PROCESSING: f"{_ACCEPTED} We are taking the payment now; {_NOTHING_TO_DO}",
    PaymentStatus.REQUIRES_ACTION: f"{_ACCEPTED} To take the payment, we need you: your bank wants you to confirm it.",
    PaymentStatus.RETRYING: (
        f"{_ACCEPTED} We will take the payment as soon as our payment provider is back; {_NOTHING_TO_DO}"
    ),
    PaymentStatus.REVIEW: f"{_ACCEPTED} Our team sees to the payment; {_NOTHING_TO_DO}",
}


def customer_message(payment: Payment) -> str:
    """Return the sentences that the customer reads about `payment` now."""
    if payment.status == PaymentStatus.FAILED:
        return _failed(payment)
    if payment.outcome_unknown:
        return CHECKING
    if is_accepted_unpaid(payment):
        return _ACCEPTED_WORDS[payment.status]
    if payment.status == PaymentStatus.SUCCESS and payment.refunded:
        # The row does not show whether a refund that is under way was approved, nor one that failed: the status page
        # asks and tells of both (checkout/giving_back.py).
        given = readable(payment.refunded, payment.currency)
        return f"{_WORDS[payment.status]} We have given {given} back to you; banks may take some days to show it."
    if payment.status == PaymentStatus.EXPIRED and was_accepted(payment):
        return f"{_NOT_TAKEN} You were not charged."
    return _WORDS[payment.status]


def was_accepted(payment: Payment) -> bool:
    """Say whether the order was accepted before it was paid, whatever became of the payment afterwards."""
    return payment.queued_at is not None or payment.level == _LATER


def is_accepted_unpaid(payment: Payment) -> bool:
    """Say whether the order is accepted and the payment still to come: that it is paid must not be said."""
    return was_accepted(payment) and payment.status in _ACCEPTED_WORDS and payment.processed_at is None


def is_our_fault(payment: Payment) -> bool:
    """Say whether the payment failed because of us or our gateways, not because of the card (level 6)."""
    return payment.status == PaymentStatus.FAILED and payment.level == _KINDLY


def _failed(payment: Payment) -> str:
    said = SORRY if is_our_fault(payment) else decline(payment.error_code, payment.gateway).words
    if not was_accepted(payment):
        return said
    return f"{_NOT_TAKEN} You were not charged." if is_our_fault(payment) else f"{_NOT_TAKEN} {said}"


def readable(minor: int, currency: str, language: str = "en") -> str:
    """Return an amount for people: exact, thousands apart, with its currency: `1,234.50 USD`, `12,500 JPY`.

    language: of the text around it (`de-AT` is read as `de`). In German `1,250` KWD is what English calls `1.250` KWD:
    the other language's sign would tell a thousand times the amount (A12, F6). One without separators of its own, whose
    customers are written to in English, has the English ones.
    """
    return grouped(money.decimal_text(minor, currency), currency, language)


def grouped(text: str, currency: str, language: str = "en") -> str:
    """Return an exact decimal `text` for people who read `language`."""
    thousands, decimal = _SEPARATORS.get(language.lower().partition("-")[0], _SEPARATORS["en"])
    whole, point, fraction = text.partition(".")
    sign, digits = ("−", whole[1:]) if whole.startswith("-") else ("", whole)
    return f"{sign}{int(digits):,}".replace(",", thousands) + f"{decimal if point else ''}{fraction} {currency}"


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
