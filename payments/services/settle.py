"""Settles due payments: claim, call, apply, over and over, with many calls under way at once.

A gateway call is waiting, not work: threads wait, while this one thread does all that touches the database. Outcomes
that arrive close together are applied in one transaction.
"""

import logging
import queue
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from django.conf import settings

from payments.audit import Because
from payments.gateways.base import Kind, Outcome
from payments.reliability import breaker, calls
from payments.reliability.breaker import Report
from payments.services import errands, gateway_events, give_back, health, watch
from payments.services.apply import Heard, apply
from payments.services.claim import Step, Work, anything_due, claim, due_ids, postpone
from payments.services.give_back import Ask, Write
from payments.services.return_address import return_path

logger = logging.getLogger(__name__)

# Seconds: between two looks for due payments, and for which outcomes are gathered before they are applied together.
POLL: Final = 0.1
GATHER: Final = 0.02
CLAIM_AT_MOST: Final = 64
# Seconds between two looks for what else there is to do: charges to be given back, gateways' lists to be read, their
# events to be applied.
ERRANDS_EVERY: Final = 1.0
_ERRANDS: Final[tuple[errands.Errand, ...]] = (give_back, watch, health, gateway_events)
# Of the threads one in so many may be under way for one kind of errand, so that payments always find room.
ERRANDS_SHARE: Final = 4


@dataclass(frozen=True, slots=True)
class _Ended:
    """An errand of one kind has ended, and this is to be written."""

    kind: str
    write: Write


def _errands() -> list[errands.Errand]:
    return [*_ERRANDS, *errands.registered().values()]


class Settler:
    """One settle loop, not shared by threads. `run`, then `finish`; `drain` settles what is due and stops."""

    def __init__(self, because: Because, threads: int = 0) -> None:
        self._because = because
        self._threads = threads or settings.SETTLE_THREADS
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gateway-call")
        self._heard: queue.SimpleQueue[Heard | _Ended] = queue.SimpleQueue()
        self._reports: queue.SimpleQueue[Report] = queue.SimpleQueue()
        self._under_way = 0
        # Of these: errands, by their kind.
        self._errands: Counter[str] = Counter()
        self._errands_at = 0.0

    def run(self, go_on: Callable[[], bool]) -> None:
        """Claim and settle while `go_on()` says so; calls may be under way afterwards, see `finish`."""
        while go_on():
            self._turn(POLL)

    def finish(self) -> None:
        """Apply what is still under way, claim nothing more, and end the threads."""
        while self._under_way:
            self._gather(POLL)
        self._pool.shutdown()

    def drain(self) -> None:
        """Settle until nothing is due and nothing is under way."""
        while self._under_way or anything_due() or any(errand.anything_due() for errand in _errands()):
            self._errands_at = 0.0
            self._turn(GATHER)

    def _turn(self, patience: float) -> None:
        is_time = self._is_time_for_errands()
        if is_time:
            # First, as payments take all the room that they find.
            self._run_errands()
        room = self._threads - self._under_way
        started = self._start(min(room, CLAIM_AT_MOST)) if room > 0 and anything_due() else 0
        if is_time:
            # After them: a gateway that is called anyway need not be asked how it is.
            self._begin("health", lambda _: health.claim(self._because))
        self._gather(GATHER if started else patience)

    def _is_time_for_errands(self) -> bool:
        now = time.monotonic()
        if now < self._errands_at:
            return False
        self._errands_at = now + ERRANDS_EVERY
        return True

    def _run_errands(self) -> None:
        """Start what else is due, of each kind as much as there is room for."""
        because = self._because
        self._begin("give_back", lambda room: give_back.claim(room, because) if room else [])
        # One call for each gateway at most.
        self._begin("watch", lambda _: watch.claim(because))
        # Even without room: most of them need no call.
        self._begin("events", lambda room: gateway_events.claim(because, room))
        for kind, errand in errands.registered().items():
            self._begin(kind, partial(errand.claim, because))

    def _room_for(self, kind: str) -> int:
        """Return how many errands of `kind` may begin now; each finds a thread at once, so that its lease holds."""
        share = max(1, self._threads // ERRANDS_SHARE) - self._errands[kind]
        return max(0, min(share, self._threads - self._under_way, CLAIM_AT_MOST))

    def _begin(self, kind: str, claim_some: Callable[[int], list[Ask]]) -> None:
        """Start what one kind of errand has to do."""
        room = self._room_for(kind)
        try:
            asks = claim_some(room)
        except Exception:  # whatever is wrong with one kind must stop neither the others nor the payments
            logger.exception("errands (%s) could not be claimed", kind)
            return
        calls.require_no_transaction()
        if (asks and len(asks) >= room) or (not room and self._errands[kind]):
            # More of the kind may wait than there is room for: look again as soon as some of them have ended.
            self._errands_at = min(self._errands_at, time.monotonic() + POLL)
        for ask in asks:
            self._under_way += 1
            self._errands[kind] += 1
            self._pool.submit(self._errand, kind, ask)

    def _errand(self, kind: str, ask: Ask) -> None:
        """Run in a thread of the pool: ask the gateway and hand over what is to be written. Never the database."""
        try:
            write = ask()
        except Exception:  # the boundary of a thread: the claim's lease ends, and it is done again
            logger.exception("an errand (%s) to a gateway raised", kind)
            write = _nothing
        self._heard.put(_Ended(kind, write))

    def _start(self, limit: int) -> int:
        # Before the claim: a pause at any moment after it counts against the time in which a request may leave.
        prepared_at = time.monotonic()
        work = self._claim(limit)
        calls.require_no_transaction()
        for item in work:
            self._under_way += 1
            self._pool.submit(self._call, item, prepared_at)
        return len(work)

    def _claim(self, limit: int) -> list[Work]:
        """Claim due payments; where one of them cannot be claimed, the others are all the same."""
        try:
            return claim(limit, self._because)
        except Exception:  # whatever is wrong with one row must not stop all the others
            logger.exception("%d payments could not be claimed together, claiming one by one", limit)
        work = []
        for payment_id in due_ids(limit):
            try:
                work += claim(1, self._because, only=payment_id)
            except Exception:
                logger.exception("%s could not be claimed, trying again later", payment_id)
                postpone(payment_id)
        return work

    def _call(self, item: Work, prepared_at: float) -> None:
        """Run in a thread of the pool: ask the gateway and hand over what was heard. Never touches the database."""
        try:
            outcome, looked, sent = self._ask(item, prepared_at)
        except Exception:  # the boundary of a thread: whatever a defect raises, the outcome is unknown
            logger.exception("call for %s raised", item.attempt.gateway_key)
            outcome, looked, sent = Outcome(Kind.UNKNOWN, "defect"), False, False
        for granted in item.granted.values():
            # Leave that was not needed: a trial's place goes to another.
            self._reports.put(Report(granted, failed=False, unsent=True))
        because, fence, asked_at = self._because, item.fence, item.asked_at
        self._heard.put(Heard(item.attempt.pk, item.payment.pk, outcome, because, looked, sent, fence, asked_at))

    def _ask(self, item: Work, prepared_at: float) -> tuple[Outcome, bool, bool]:
        """Return what the gateway says, whether it was looked up, and whether the charge was sent."""
        return_url = f"{settings.PUBLIC_URL}{return_path(item.payment)}"
        if item.step is Step.CHARGE:
            outcome = calls.charge(item.attempt, prepared_at=prepared_at, return_url=return_url)
            return self._report(item, "charge", outcome), False, True
        found = self._report(item, "look_up", calls.look_up(item.attempt, prepared_at=prepared_at))
        if found.kind is Kind.ACTION_REQUIRED and item.must_void:
            return self._report(item, "refund", calls.void(item.attempt, prepared_at=prepared_at)), True, False
        if found.kind is not Kind.NOT_FOUND or not item.may_send:
            return found, True, False
        # The gateway does not know the key: sending it again is what the customer wants, and cannot charge twice.
        outcome = calls.send_again(item.attempt, prepared_at=prepared_at, return_url=return_url)
        return self._report(item, "charge", outcome), True, True

    def _report(self, item: Work, operation: str, outcome: Outcome) -> Outcome:
        """Hand over to the circuit breaker how a call ended; return what it brought."""
        granted = item.granted.pop(operation, None)
        if granted is not None:
            self._reports.put(calls.report(granted, outcome))
        return outcome

    def _gather(self, patience: float) -> None:
        """Wait up to `patience` seconds for an outcome, then apply all that are there."""
        heard: list[Heard | _Ended] = []
        try:
            heard.append(self._heard.get(timeout=patience))
            while True:
                heard.append(self._heard.get_nowait())
        except queue.Empty:
            pass
        self._under_way -= len(heard)
        news = [item for item in heard if isinstance(item, Heard)]
        if news:
            apply_all(news)
        ended = [item for item in heard if isinstance(item, _Ended)]
        for item in ended:
            # Its room is free, whatever becomes of what it brought.
            self._errands[item.kind] -= 1
        _write_each([item.write for item in ended])
        self._tell_breakers()

    def _tell_breakers(self) -> None:
        reports = []
        while not self._reports.empty():
            reports.append(self._reports.get_nowait())
        if reports:
            _write(partial(breaker.record, reports))


def _nothing() -> None:
    """What there is to write where nothing was heard."""


def _write_each(writes: list[Write]) -> None:
    """Write what errands brought: with one another where they can be, else one by one."""
    together: dict[Callable[[list[Any]], None], list[Any]] = defaultdict(list)
    for write in writes:
        if isinstance(write, errands.Together):
            together[write.write_all].append(write.news)
        else:
            _write(write)
    for write_all, news in together.items():
        _write(partial(write_all, news))


def _write(write: Write) -> None:
    try:
        write()
    except Exception:  # what cannot be written stays as it is, and is due again when its lease ends
        logger.exception("what an errand brought could not be written")


def apply_all(news: list[Heard]) -> None:
    """Apply `news` together; where that fails, one by one, so that one bad row holds up no other.

    What cannot be applied stays as it is: its payment becomes due again when its lease ends.
    """
    try:
        apply(news)
    except Exception:  # whatever is wrong with one row must not lose what was heard about the others
        logger.exception("%d outcomes could not be applied together, applying one by one", len(news))
        for heard in news:
            try:
                apply([heard])
            except Exception:
                logger.exception("the outcome of %s could not be applied", heard.attempt_id)
