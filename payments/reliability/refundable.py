"""How much of a payment can still be refunded, and until when (requirements D1, D5).

The window is counted in days of UTC and includes its last day: what was captured on 1 January can be refunded up to
the end of 30 June (180 days later; 29 June in a leap year), and not on 1 July. A gateway that refunds for a shorter
time makes it shorter.
"""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from payments.models import Payment
from payments.reliability.gateways import capabilities_of
from payments.states import PaymentStatus

# Days after the day of the capture (D1).
WINDOW_DAYS: Final = 180


class Standing(StrEnum):
    """How much of a payment was given back: derived, never a state."""

    NONE = "none"
    PARTIAL = "partial"
    FULL = "full"


def standing(payment: Payment) -> Standing:
    """Return how much of `payment` was given back for certain."""
    if payment.refunded == 0:
        return Standing.NONE
    return Standing.FULL if payment.refunded >= payment.amount else Standing.PARTIAL


def remaining(payment: Payment) -> int:
    """Return the minor units that neither a refund nor a lost dispute has taken or may still take."""
    if payment.status != PaymentStatus.SUCCESS:
        return 0
    return max(payment.amount - payment.refund_reserved - payment.charged_back, 0)


def refundable(payment: Payment, now: datetime) -> int:
    """Return the minor units that a refund may ask for at `now`: nothing over an open dispute or after the window."""
    if payment.disputed or not is_in_window(payment, now):
        return 0
    return remaining(payment)


def is_in_window(payment: Payment, now: datetime) -> bool:
    """Say whether `now` is within the window; False where nothing was captured."""
    last = last_day(payment)
    return last is not None and now < last + timedelta(days=1)


def last_day(payment: Payment) -> datetime | None:
    """Return the beginning (UTC) of the last day on which `payment` can be refunded; None where nothing was captured.

    A gateway that is no longer in the settings has no limit of its own that we know of.
    """
    if payment.status != PaymentStatus.SUCCESS or payment.processed_at is None:
        return None
    capabilities = capabilities_of(payment.gateway)
    days = WINDOW_DAYS if capabilities is None else min(WINDOW_DAYS, capabilities.refund_days)
    captured = payment.processed_at.astimezone(UTC)
    return captured.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=days)
