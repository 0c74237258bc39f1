"""What may be refunded: pure rules over a locked payment, asked when a refund is requested and again before it leaves.

Requirements D1 and D5. The database enforces the sum once more by itself (refunds/guards.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from payments.models import Payment
from payments.money import Money
from payments.reliability import refundable
from payments.reliability.gateways import capabilities_of
from payments.states import PaymentStatus

_NOT_CAPTURED = {
    PaymentStatus.REVIEW: "A person looks at it, and what was captured is not certain",
    PaymentStatus.FAILED: "It failed, and nothing was captured",
    PaymentStatus.EXPIRED: "It expired, and nothing was captured",
    PaymentStatus.CANCELED: "It was canceled, and nothing was captured",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a refund is refused. code: for machines; words: a sentence for people, that says what to do next."""

    code: str
    words: str


def why_not(payment: Payment, amount: int, now: datetime) -> Refusal | None:
    """Return why no new refund of `amount` minor units of the locked `payment` may be requested; None where it may."""
    return why_never(payment, now) or _too_much(payment, amount)


def why_never(payment: Payment, now: datetime) -> Refusal | None:
    """Return why nothing of `payment` may be refunded at `now`, whatever the amount; asked again before it is sent."""
    if payment.status != PaymentStatus.SUCCESS:
        return _not_captured(payment)
    if payment.disputed:
        held = Money(payment.disputed, payment.currency)
        return Refusal(
            "payment_disputed",
            f"The customer disputes {held} of this payment with the bank. A refund on top could give the money back "
            "twice: answer or accept the dispute instead, or wait for its end.",
        )
    if not refundable.is_in_window(payment, now):
        last = refundable.last_day(payment)
        until = f" Its last day was {last:%Y-%m-%d} (UTC)." if last else ""
        return Refusal(
            "refund_window_over", f"The time for refunds is over.{until} Pay the customer back in another way."
        )
    capabilities = capabilities_of(payment.gateway)
    if capabilities is None or not capabilities.refunds:
        return Refusal(
            "gateway_cannot_refund",
            f"The gateway {payment.gateway} takes no refunds from here. Refund at its own dashboard.",
        )
    return None


def why_not_send(payment: Payment, now: datetime) -> Refusal | None:
    """Return why a refund that is reserved already may not go out of the locked `payment`; None where it may.

    A dispute that was lost since has taken money as well, and nothing is refunded on top of it (requirement D5).
    """
    return why_never(payment, now) or _lost_since(payment)


def needs_approval(money: Money, limits: Mapping[str, int], before: int = 0) -> bool:
    """Say whether a second person must approve `money`: it is above the limit, or its currency has none.

    limits: currency → the largest amount, in minor units, that who asks may refund alone of one payment.
    before: the minor units of the payment that they have refunded alone already.
    """
    return before + money.minor > limits.get(money.currency, 0)


def lapses_at(now: datetime, hours: int) -> datetime:
    """Return when a request for approval that nobody answered is called off."""
    return now + timedelta(hours=hours)


def _not_captured(payment: Payment) -> Refusal:
    if payment.outcome_unknown:
        return Refusal(
            "payment_outcome_unknown",
            "Nobody knows yet whether this payment was charged. It is being found out; ask again when it is known.",
        )
    what = _NOT_CAPTURED.get(PaymentStatus(payment.status), "It is not finished, and nothing is captured yet")
    return Refusal("payment_not_captured", f"{what}: there is nothing to refund.")


def _lost_since(payment: Payment) -> Refusal | None:
    if not payment.charged_back or payment.refund_reserved + payment.charged_back <= payment.amount:
        return None
    lost = Money(payment.charged_back, payment.currency)
    return Refusal(
        "amount_exceeds_refundable",
        f"The customer got {lost} back by a lost dispute: with this refund, more than was captured would go back.",
    )


def _nothing_left(payment: Payment) -> Refusal:
    """Return where all of it went: what was lost in a dispute is no refund, and is not called one."""
    if not payment.charged_back:
        return Refusal("fully_refunded", "Everything that was captured is refunded or being refunded.")
    lost, all_of_it = Money(payment.charged_back, payment.currency), Money(payment.amount, payment.currency)
    reserved = Money(payment.refund_reserved, payment.currency)
    refunded = f", and {reserved} is refunded or being refunded" if reserved.minor else ""
    return Refusal(
        "nothing_left",
        f"Nothing is left to refund: of {all_of_it}, {lost} went back by a dispute that was lost{refunded}.",
    )


def _too_much(payment: Payment, amount: int) -> Refusal | None:
    left = refundable.remaining(payment)
    if 0 < amount <= left:
        return None
    if left == 0:
        return _nothing_left(payment)
    return Refusal(
        "amount_exceeds_refundable",
        f"At most {Money(left, payment.currency)} of {Money(payment.amount, payment.currency)} can still be refunded.",
    )
