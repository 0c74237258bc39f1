"""Settles due payments: claim, call, apply, over and over, with many calls under way at once.

A gateway call is waiting, not work: threads wait, while this one thread does all that touches the database. Outcomes
that arrive close together are applied in one transaction.
"""

import logging
import queue
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from django.conf import settings
from django.db import DatabaseError

from payments.audit import Because
from payments.bulk import StaleRowError
from payments.gateways.base import Kind, Outcome
from payments.reliability import calls
from payments.services.apply import Heard, apply
from payments.services.claim import Step, Work, anything_due, claim

logger = logging.getLogger(__name__)

# Seconds: between two looks for due payments, and for which outcomes are gathered before they are applied together.
POLL: Final = 0.1
GATHER: Final = 0.02
CLAIM_AT_MOST: Final = 64


class Settler:
    """One settle loop. Not shared by threads; `run` is the loop, `drain` serves tests and commands."""

    def __init__(self, because: Because, threads: int = 0) -> None:
        self._because = because
        self._threads = threads or settings.SETTLE_THREADS
        self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="gateway-call")
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._under_way = 0

    def run(self, go_on: Callable[[], bool]) -> None:
        """Settle while `go_on()` says so; then finish what is under way."""
        while go_on():
            self._turn(POLL)
        while self._under_way:
            self._gather(POLL)
        self._pool.shutdown()

    def drain(self) -> None:
        """Settle until nothing is due and nothing is under way."""
        while self._under_way or anything_due():
            self._turn(GATHER)

    def close(self) -> None:
        self._pool.shutdown()

    def _turn(self, patience: float) -> None:
        room = self._threads - self._under_way
        started = self._start(min(room, CLAIM_AT_MOST)) if room > 0 and anything_due() else 0
        self._gather(GATHER if started else patience)

    def _start(self, limit: int) -> int:
        # Before the claim: a pause at any moment after it counts against the time in which a request may leave.
        prepared_at = time.monotonic()
        work = claim(limit, self._because)
        calls.require_no_transaction()
        for item in work:
            self._under_way += 1
            self._pool.submit(self._call, item, prepared_at)
        return len(work)

    def _call(self, item: Work, prepared_at: float) -> None:
        """Run in a thread of the pool: ask the gateway and hand over what was heard. Never touches the database."""
        try:
            outcome, looked = self._ask(item, prepared_at)
        except Exception:  # the boundary of a thread: whatever a defect raises, the outcome is unknown
            logger.exception("call for %s raised", item.attempt.gateway_key)
            outcome, looked = Outcome(Kind.UNKNOWN, "defect"), False
        self._heard.put(Heard(item.attempt.pk, item.payment.pk, outcome, self._because, looked))

    def _ask(self, item: Work, prepared_at: float) -> tuple[Outcome, bool]:
        """Return what the gateway says, and whether it was looked up."""
        return_url = f"{settings.PUBLIC_URL}/checkout/return/{item.payment.pk}"
        if item.step is Step.CHARGE:
            return calls.charge(item.attempt, prepared_at=prepared_at, return_url=return_url), False
        found = calls.look_up(item.attempt)
        if found.kind is not Kind.NOT_FOUND or not item.may_send:
            return found, True
        # The gateway does not know the key: sending it again is what the customer wants, and cannot charge twice.
        return calls.send_again(item.attempt, prepared_at=prepared_at, return_url=return_url), True

    def _gather(self, patience: float) -> None:
        """Wait up to `patience` seconds for an outcome, then apply all that are there."""
        news: list[Heard] = []
        try:
            news.append(self._heard.get(timeout=patience))
            while True:
                news.append(self._heard.get_nowait())
        except queue.Empty:
            pass
        self._under_way -= len(news)
        if news:
            apply_all(news)


def apply_all(news: list[Heard]) -> None:
    """Apply `news` together; where that fails, one by one, so that one bad row holds up no other.

    What cannot be applied stays as it is: its payment becomes due again when its lease ends.
    """
    try:
        apply(news)
    except (DatabaseError, StaleRowError):
        logger.exception("%d outcomes could not be applied together, applying one by one", len(news))
        for heard in news:
            try:
                apply([heard])
            except (DatabaseError, StaleRowError):
                logger.exception("outcome of %s could not be applied", heard.attempt_id)
