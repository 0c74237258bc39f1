"""Waiting for an outcome inside a request: `Prefer: wait=N` (RFC 7240) and `?wait=N`."""

import logging
import re
import threading
import time
from typing import Final

from django.db import Error

from payments.models import Payment
from payments.states import PaymentStatus

logger = logging.getLogger(__name__)

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
    ends, pause = time.monotonic() + seconds, 0.05
    if seconds <= 0 or not _is_undecided(payment) or not _SLOTS.acquire(blocking=False):
        return payment
    try:
        while _is_undecided(payment) and time.monotonic() < ends:
            threading.Event().wait(min(pause, max(ends - time.monotonic(), 0)))
            pause = min(pause * 1.5, 0.5)
            payment = Payment.objects.select_related("order").get(pk=payment.pk)
    except Error:
        # The request was accepted: it is answered with what is known of it.
        logger.warning("the outcome of %s could not be waited for", payment.pk, exc_info=True)
    finally:
        _SLOTS.release()
    return payment


def _is_undecided(payment: Payment) -> bool:
    """Say whether something may be heard soon; what was accepted for later waits for a gateway to come back."""
    return payment.status in _UNDECIDED and payment.queued_at is None
