"""One way out, such as the mail server: how much may be under way on it, when it rests, and when to try again."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from payments.services.outbox import Ask, Write

# Longer than the other side may take over one message.
LEASE: Final = timedelta(minutes=5)
# Minutes until the next try, by the number of tries so far; the last one for ever after.
AGAIN: Final = (1, 5, 15, 60)
# With the waits above, this many tries take a little less than 24 hours.
MOST_TRIES: Final = 27
# A server that fails so often in a row is down: it is left alone for a while, so that the others do not lose a try.
FAILURES_IN_A_ROW: Final = 3
REST: Final = 60.0


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try. trouble: why it was not taken; empty where it was.

    is_final: another try would end the same. is_down: it is the way that does not work, not this one message.
    is_lost: there was no answer, so that it may have been taken.
    """

    trouble: str = ""
    is_final: bool = False
    is_down: bool = False
    is_lost: bool = False


def next_try(tries: int) -> timedelta | None:
    """Return how long to wait after `tries` tries, none of which was taken; None: give up."""
    return None if tries >= MOST_TRIES else timedelta(minutes=AGAIN[min(tries, len(AGAIN)) - 1])


class Way:
    """Counts what is under way, in any thread; what came of it is heard in the loop's own thread."""

    def __init__(self, most: int) -> None:
        self._most, self._under_way, self._lock = most, 0, threading.Lock()
        self._failures, self._rests_until = 0, 0.0

    def room(self) -> int:
        """Return how many more may begin now: after a rest, one that finds out whether it works again."""
        if time.monotonic() < self._rests_until:
            return 0
        most = 1 if self._failures >= FAILURES_IN_A_ROW else self._most
        return max(most - self._under_way, 0)

    def taking(self, ask: Ask) -> Ask:
        """Count `ask` as under way from now until it has ended."""
        with self._lock:
            self._under_way += 1

        def counted() -> Write:
            try:
                return ask()
            finally:
                with self._lock:
                    self._under_way -= 1

        return counted

    def heard(self, result: Result) -> None:
        """Take note of whether the way works."""
        self._failures = self._failures + 1 if result.is_down else 0
        if self._failures >= FAILURES_IN_A_ROW:
            self._rests_until = time.monotonic() + REST


class Pace:
    """Lets no more than so many leave in a second, and none while `may` says no; asks it every few seconds."""

    ASK_AGAIN: Final = 5.0

    def __init__(self, may: Callable[[], bool]) -> None:
        self._may, self._left, self._next_at = may, 0, 0.0

    def room(self, per_second: int) -> int:
        now = time.monotonic()
        if now >= self._next_at:
            may = self._may()
            self._left = per_second if may else 0
            self._next_at = now + (1.0 if may else self.ASK_AGAIN)
        return self._left

    def take(self, count: int) -> None:
        self._left = max(self._left - count, 0)
