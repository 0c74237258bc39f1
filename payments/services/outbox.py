"""Sends what is to be sent: events to shops' endpoints, messages to customers, alerts to the team.

Built like the settle loop: this one thread claims and writes, threads of a pool wait for the other side. Every kind of
sending has rows of its own that say what is due; none waits for another.
"""

import logging
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from django.conf import settings

from payments.audit import Because
from payments.reliability import calls

logger = logging.getLogger(__name__)

Write = Callable[[], None]
Ask = Callable[[], Write]

# Seconds between two looks for something due.
POLL: Final = 0.2
# How many asks one source may begin in one turn.
AT_MOST: Final = 64


class Source(Protocol):
    """A module with rows of its own to send."""

    def anything_due(self) -> bool:
        """Say cheaply, without any lock, whether a claim would find something."""
        ...

    def claim(self, limit: int, because: Because) -> Sequence[Ask]:
        """Claim up to `limit` due rows; return what to ask, each of which returns what to write afterwards."""
        ...


class Outbox:
    """One loop, not shared by threads. `run`, then `finish`; `drain` sends what is due and stops."""

    def __init__(self, because: Because, sources: Sequence[Source], threads: int = 0) -> None:
        self._because, self._sources = because, sources
        self._threads = threads or settings.OUTBOX_THREADS
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="outbox")
        self._brought: queue.SimpleQueue[tuple[int, Write]] = queue.SimpleQueue()
        self._under_way = [0] * len(sources)
        # Slow endpoints must not hold up messages and alerts.
        self._share = max(1, self._threads * 3 // 4)

    def run(self, go_on: Callable[[], bool]) -> None:
        """Claim and send while `go_on()` says so; something may be under way afterwards, see `finish`."""
        while go_on():
            self._turn(POLL)

    def drain(self) -> None:
        """Send until nothing is due and nothing is under way."""
        while any(self._under_way) or any(source.anything_due() for source in self._sources):
            self._turn(POLL / 10)

    def finish(self) -> None:
        """Write what is still under way, claim nothing more, and end the threads."""
        while any(self._under_way):
            self._gather(POLL)
        self._pool.shutdown()

    def _turn(self, patience: float) -> None:
        started = sum(self._start(number, source) for number, source in enumerate(self._sources))
        self._gather(0.0 if started else patience)

    def _start(self, number: int, source: Source) -> int:
        free, share = self._threads - sum(self._under_way), self._share - self._under_way[number]
        room = min(free, share, AT_MOST)
        if room <= 0:
            return 0
        try:
            asks = source.claim(room, self._because) if source.anything_due() else ()
        except Exception:  # whatever is wrong with one kind of sending must not stop the others
            logger.exception("%s could not be claimed", source)
            return 0
        calls.require_no_transaction()
        for ask in asks:
            self._under_way[number] += 1
            self._pool.submit(self._ask, number, ask)
        return len(asks)

    def _ask(self, number: int, ask: Ask) -> None:
        """Run in a thread of the pool; never touches the database."""
        try:
            self._brought.put((number, ask()))
        except Exception:  # the boundary of a thread: the claim's lease ends, and it is done again
            logger.exception("a sending raised")
            self._brought.put((number, _nothing))

    def _gather(self, patience: float) -> None:
        brought = []
        try:
            brought.append(self._brought.get(timeout=patience) if patience else self._brought.get_nowait())
            while True:
                brought.append(self._brought.get_nowait())
        except queue.Empty:
            pass
        for number, write in brought:
            self._under_way[number] -= 1
            try:
                write()
            except Exception:  # what cannot be written stays as it is, and is due again when its lease ends
                logger.exception("what a sending brought could not be written")


def sources() -> list[Source]:
    """Return everything that has something to send."""
    # Here, because each of them knows this module.
    from payments.services import deliveries, delivery_parts, publish
    from payments.services.messages_outbox import Messages
    from payments.services.notices import Notices

    return [publish, deliveries, delivery_parts, Messages(), Notices()]


def _nothing() -> None:
    """What there is to write where nothing was heard."""
