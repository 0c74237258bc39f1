"""Waiting for an outcome inside a request: `Prefer: wait=N` (RFC 7240) and `?wait=N`."""

import logging
import re
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from django.db import Error
from django.db.models import Model

from payments.models import Payment
from payments.states import PaymentStatus

logger = logging.getLogger(__name__)
Row = TypeVar("Row", bound=Model)

MAX_WAIT: Final = 20
# Waiting requests hold a web thread each: more than this many at once are answered at once instead.
_SLOTS: Final = threading.BoundedSemaphore(16)
_UNDECIDED: Final = (PaymentStatus.PENDING, PaymentStatus.PROCESSING, PaymentStatus.RETRYING)
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait=([0-9]{1,4})(?:$|[,;\s])")


def preferred_wait(header: str) -> int:
    """Return the seconds that a `Prefer` header asks to wait, at most 20; 0 where it asks for none."""
    found = _WAIT.search(header)
    return min(int(found[1]), MAX_WAIT) if found else 0


def wait_for_outcome(payment: Payment, seconds: int) -> Payment:
    """Return the payment as soon as its outcome is known, or as it is after `seconds`."""
    return wait_while(
        _is_undecided, payment, seconds, lambda: Payment.objects.select_related("order").get(pk=payment.pk)
    )


def wait_while(is_undecided: Callable[[Row], bool], row: Row, seconds: int, read_again: Callable[[], Row]) -> Row:
    """Return the row as soon as it is decided, or as it is after `seconds`."""
    ends, pause = time.monotonic() + seconds, 0.05
    if seconds <= 0 or not is_undecided(row) or not _SLOTS.acquire(blocking=False):
        return row
    try:
        while is_undecided(row) and time.monotonic() < ends:
            threading.Event().wait(min(pause, max(ends - time.monotonic(), 0)))
            pause = min(pause * 1.5, 0.5)
            row = read_again()
    except Error:
        # The request was accepted: it is answered with what is known of it.
        logger.warning("the outcome of %s could not be waited for", row.pk, exc_info=True)
    finally:
        _SLOTS.release()
    return row


def _is_undecided(payment: Payment) -> bool:
    """Say whether something may be heard soon; what was accepted for later waits for a gateway to come back."""
    return payment.status in _UNDECIDED and payment.queued_at is None
