"""Wakes the loops: whoever notices a slot without a beat asks django-q2 for a loop.

A schedule, a request that was just accepted and the supervisor all do so. A lost wake-up loses time, never a payment.
"""

import logging
import time
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import Error
from django.db.models import Q
from django.db.models.functions import Now
from django_q.tasks import async_task

from payments.models import SettleLoop

logger = logging.getLogger(__name__)

# A slot whose last beat is older may be taken by another loop.
SLOT_LEASE: Final = timedelta(seconds=10)
STALE: Final = Q(beat_at__isnull=True) | Q(beat_at__lt=Now() - SLOT_LEASE)
# The slot of the loop that sends what is to be sent: events to shops, messages to people.
OUTBOX: Final = "outbox-1"
# Seconds between two checks of one process whether all loops beat.
_CHECK_EVERY: Final = 2.0


def slot_names() -> list[str]:
    """Return the names of the slots in which settle loops run."""
    return [f"settle-{number + 1}" for number in range(settings.SETTLE_LOOPS)]


def every_slot() -> list[str]:
    """Return the names of all slots that must have a loop.

    Settling first: where there are too few workers, messages wait and not payments.
    """
    return [*slot_names(), OUTBOX]


def task_of(slot: str) -> str:
    """Return the name of the task whose loop runs in `slot`."""
    return "payments.tasks.send_outbox" if slot == OUTBOX else "payments.tasks.settle"


def wake() -> int:
    """Ask for a loop in every slot that has none; return how many were asked for."""
    wanted = every_slot()
    beating = SettleLoop.objects.filter(~STALE, name__in=wanted).values_list("name", flat=True)
    idle = [name for name in wanted if name not in set(beating)]
    for name in idle:
        async_task(task_of(name), name)
    return len(idle)


class _Checks:
    """When this process may look again. A race between threads costs one more query, nothing else."""

    next_at = 0.0


def wake_if_idle() -> None:
    """Wake the loops if none beats, looking at most every two seconds: most requests need not ask."""
    now = time.monotonic()
    if now >= _Checks.next_at:
        _Checks.next_at = now + _CHECK_EVERY
        try:
            wake()
        except Error:  # what was accepted is accepted; others wake the loops, too
            logger.warning("the settle loops could not be woken", exc_info=True)
