"""Runs a settle loop in a slot.

django-q2 may start a loop twice, late or not at all: the slot's row decides who runs, and its heartbeat tells that the
holder lives.
"""

import os
import socket
import time
from typing import Final

from django.db.models.functions import Now

from payments.audit import Because
from payments.models import SettleLoop
from payments.services.settle import Settler
from payments.services.wake import SLOT_LEASE, STALE

BEAT_EVERY: Final = 1.0
# Seconds: one task runs this long and then asks for its successor, well within django-q2's timeout.
RUN_FOR: Final = 40.0


def run_slot(name: str, run_for: float = RUN_FOR) -> bool:
    """Run the loop of slot `name` for `run_for` seconds; return False at once where another holds the slot."""
    SettleLoop.objects.get_or_create(name=name)
    holder = f"{socket.gethostname()}:{os.getpid()}:{time.monotonic_ns()}"[:64]
    if not SettleLoop.objects.filter(STALE, name=name).update(holder=holder, beat_at=Now()):
        return False
    Settler(Because(actor=f"worker:{name}", cause="job:settle")).run(_Holding(name, holder, run_for))
    SettleLoop.objects.filter(name=name, holder=holder).update(beat_at=Now() - 2 * SLOT_LEASE)
    return True


class _Holding:
    """Beats about every second and says whether this loop still holds its slot and has time left."""

    def __init__(self, name: str, holder: str, run_for: float) -> None:
        self._row = SettleLoop.objects.filter(name=name, holder=holder)
        self._ends = time.monotonic() + run_for
        self._next_beat = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._ends:
            return False
        if now >= self._next_beat:
            self._next_beat = now + BEAT_EVERY
            return bool(self._row.update(beat_at=Now()))
        return True
