"""Runs a loop in a slot, and asks for its successor.

django-q2 may start a loop twice, late or not at all: the slot's row decides who runs, and its heartbeat tells that the
holder lives.
"""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from django.db.models.functions import Now

from payments.audit import Because
from payments.models import SettleLoop
from payments.services import errands
from payments.services.health import begin_checking
from payments.services.outbox import Outbox, sources
from payments.services.settle import Settler
from payments.services.wake import SLOT_LEASE, STALE, wake
from payments.services.watch import begin_watching

BEAT_EVERY: Final = 1.0
# Seconds for which one task claims payments. Its last calls may take as long as a call can; django-q2's timeout must be
# longer than both together (paysite/checks.py refuses another).
RUN_FOR: Final = 40.0


class Loop(Protocol):
    """What runs in a slot."""

    def run(self, go_on: Callable[[], bool]) -> None:
        """Begin new work while `go_on()` says so."""
        ...

    def finish(self) -> None:
        """Wait for what is under way, and write it down."""
        ...


def run_slot(name: str, run_for: float = RUN_FOR) -> bool:
    """Run the settle loop of slot `name` for `run_for` seconds; False at once where another holds the slot."""

    def settler() -> Settler:
        begin_watching()
        begin_checking()
        errands.begin()
        return Settler(Because(actor=f"worker:{name}", cause="job:settle"))

    return _run(name, settler, run_for)


def run_outbox(name: str, run_for: float = RUN_FOR) -> bool:
    """Run the loop that sends what is to be sent, as `run_slot` runs a settle loop."""
    return _run(name, lambda: Outbox(Because(actor=f"worker:{name}", cause="job:outbox"), sources()), run_for)


def _run(name: str, make: Callable[[], Loop], run_for: float) -> bool:
    SettleLoop.objects.get_or_create(name=name)
    holder = f"{socket.gethostname()}:{os.getpid()}:{time.monotonic_ns()}"[:64]
    if not SettleLoop.objects.filter(STALE, name=name).update(holder=holder, beat_at=Now()):
        return False
    loop = make()
    with _stop_signal() as told_to_stop:
        try:
            loop.run(_Holding(name, holder, run_for, told_to_stop))
            # Given up before the last calls have ended: a successor need not wait for them.
            SettleLoop.objects.filter(name=name, holder=holder).update(beat_at=Now() - 2 * SLOT_LEASE)
            if not told_to_stop.is_set():
                wake()
        finally:
            # Whatever ended the loop: what was asked must be heard.
            loop.finish()
    return True


@contextmanager
def _stop_signal() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets, so that a loop can give up its slot first; then let the signal do its work."""
    told = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield told
        return
    before = signal.signal(signal.SIGTERM, lambda *_: told.set())
    try:
        yield told
    finally:
        signal.signal(signal.SIGTERM, before)
        if told.is_set():
            os.kill(os.getpid(), signal.SIGTERM)


class _Holding:
    """Beats about every second and says whether this loop still holds its slot and has time left."""

    def __init__(self, name: str, holder: str, run_for: float, told_to_stop: threading.Event) -> None:
        self._told_to_stop = told_to_stop
        self._row = SettleLoop.objects.filter(name=name, holder=holder)
        self._ends = time.monotonic() + run_for
        self._next_beat = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now >= self._ends or self._told_to_stop.is_set():
            return False
        if now >= self._next_beat:
            self._next_beat = now + BEAT_EVERY
            return bool(self._row.update(beat_at=Now()))
        return True
