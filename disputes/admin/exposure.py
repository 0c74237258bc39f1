"""What a payment may lose twice: refunded to the customer, and taken by the bank as well (requirement D5)."""

from dataclasses import dataclass

from payments.models import Payment
from payments.money import Money


@dataclass(frozen=True, slots=True)
class Exposure:
    """sums: name and exact sum. words: what that means. is_bad: whether money is or may be lost twice."""

    sums: list[tuple[str, str]]
    words: str
    is_bad: bool


def exposure(payment: Payment) -> Exposure:
    """Return what refunds and disputes take from `payment`, by the counters that the database keeps."""
    beyond = _beyond(payment)
    sums = [
        ("Captured", payment.amount),
        ("Refunded or being refunded", payment.refund_reserved),
        ("Held by open disputes", payment.disputed),
        ("Lost in disputes", payment.charged_back),
        ("More than was captured", beyond),
    ]
    always = 3
    shown = [(name, _money(payment, minor)) for number, (name, minor) in enumerate(sums) if number < always or minor]
    at_stake = payment.disputed + payment.charged_back
    return Exposure(shown, _words(payment, beyond), is_bad=bool(at_stake and payment.refund_reserved))


def _words(payment: Payment, beyond: int) -> str:
    if not payment.disputed + payment.charged_back:
        return "No dispute holds or took anything now."
    if not payment.refund_reserved:
        return "Nothing was refunded beside it: nothing can be lost twice."
    refunded = _money(payment, payment.refund_reserved)
    if not payment.disputed:
        return _lost(payment, refunded, beyond)
    begins = f"{refunded} went back to the customer or is on its way, and the bank holds "
    held = f"{begins}{_money(payment, payment.disputed)}. "
    if beyond > 0:
        twice = f"If the bank decides for the customer, {_money(payment, beyond)} is lost twice. "
    else:
        twice = "If the dispute is about what was refunded, and the bank decides for the customer, that is lost twice. "
    return f"{held}{twice}Answer the dispute with the refunds as evidence: their amounts, times and ids."


def _lost(payment: Payment, refunded: str, beyond: int) -> str:
    lost = _money(payment, payment.charged_back)
    if beyond > 0:
        return f"{refunded} was refunded and {lost} lost in disputes: {_money(payment, beyond)} was lost twice."
    return f"{refunded} was refunded and {lost} lost in disputes: together not more than was captured."


def _beyond(payment: Payment) -> int:
    return max(payment.refund_reserved + payment.disputed + payment.charged_back - payment.amount, 0)


def _money(payment: Payment, minor: int) -> str:
    return str(Money(minor, payment.currency))
