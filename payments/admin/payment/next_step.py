"""What happens to a payment next and when, in words (requirement G4)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from payments.admin.formats import span, utc
from payments.models import Attempt, Payment, SurplusCharge
from payments.money import Money
from payments.states import FINAL, AttemptState, PaymentStatus, SurplusState

# An attempt that the machine goes on asking about.
_ASKED: Final = (AttemptState.UNKNOWN, AttemptState.UNRESOLVED)


def next_step(payment: Payment, attempts: list[Attempt], now: datetime, surplus: Iterable[SurplusCharge] = ()) -> str:
    """Say what happens next, at `now` by the database's clock. surplus: what gateways took without right."""
    owed = [_give_back(charge, now) for charge in surplus if charge.state != SurplusState.RETURNED]
    if payment.status in FINAL and owed:
        return " ".join([f"It ended {utc(payment.processed_at)}.", *owed])
    return " ".join([_of_payment(payment, attempts, now), *owed])


def _of_payment(payment: Payment, attempts: list[Attempt], now: datetime) -> str:
    if payment.status in FINAL:
        return f"Nothing more happens by itself. It ended {utc(payment.processed_at)}."
    still_open = next((attempt for attempt in attempts if attempt.is_open), None)
    what = _what(payment, still_open)
    if payment.due_at is None:
        return f"{what} Nothing happens by itself: a person must decide."
    if payment.due_at <= now:
        return f"{what} That is due since {span(now - payment.due_at)} and done as soon as a worker is free."
    return f"{what} {_when(still_open, payment.due_at, now)}"


def _give_back(charge: SurplusCharge, now: datetime) -> str:
    money, name = Money(charge.amount, charge.currency), f"charge {charge.gateway_reference}"
    if charge.state == SurplusState.REFUSED:
        return (
            f"Gateway {charge.gateway} does not give {money} back ({name}): a person must give them back at the "
            "gateway's own console."
        )
    words = f"{money} are to be given back ({name}): gateway {charge.gateway} is told"
    if charge.due_at is None:
        return f"{words} as soon as recovery finds it."
    if charge.due_at <= now:
        return f"{words} as soon as a worker is free."
    return f"{words} {'again ' if charge.tries else ''}in {span(charge.due_at - now)}."


def _what(payment: Payment, still_open: Attempt | None) -> str:
    if still_open is None:
        if payment.status == PaymentStatus.RETRYING and payment.queued_at is not None:
            return "The order is accepted (level 4); the charge is sent as soon as a gateway can take it."
        if payment.status == PaymentStatus.RETRYING:
            return f"The charge is tried again, retry {payment.retry_count} of {payment.max_retries}."
        if payment.status == PaymentStatus.REVIEW:
            return "Nothing can still be charged by what was sent."
        return "A worker sends the charge to a gateway."
    if still_open.state == AttemptState.SENT:
        return f"Gateway {still_open.gateway} has the charge, and its answer is waited for."
    if still_open.state == AttemptState.ACTION_REQUIRED:
        return f"The customer must confirm with the bank; gateway {still_open.gateway} is asked meanwhile."
    return f"Gateway {still_open.gateway} is asked what became of the charge."


def _when(still_open: Attempt | None, due_at: datetime, now: datetime) -> str:
    if still_open is not None and still_open.state == AttemptState.SENT:
        return f"Should that worker have died, another one asks in {span(due_at - now)}."
    if still_open is not None and still_open.state in _ASKED:
        return f"The gateway is asked again in {span(due_at - now)}, {utc(due_at)}."
    return f"Next in {span(due_at - now)}, {utc(due_at)}."
