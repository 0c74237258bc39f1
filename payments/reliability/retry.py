"""When to try again, as values: pure functions of what happened; chance is passed in (requirement B4)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# Seconds after an attempt was sent at which a lost answer is asked for (references: gateway outcomes, rule 2).
_HOUR: Final = 3600
LOOKS: Final = (
    *(5, 15, 30, 60, 120, 300, 900),
    *(hour * _HOUR for hour in range(1, 25)),
    *(hour * _HOUR for hour in range(30, 7 * 24 + 1, 6)),
)
JITTER: Final = 0.2
# After this many seconds an unknown outcome is also a person's business. It is never failed by the clock.
PEOPLE_AFTER: Final = 24 * _HOUR
# Two answers "not found" must be at least this many seconds apart to prove anything.
NOT_FOUND_APART: Final = 300

# A question that nobody answered is asked again after this many seconds at the latest, however old the attempt.
UNANSWERED_AGAIN: Final = 300
# The shortest wait, in seconds.
LEAST_WAIT: Final = 5

Chance = Callable[[], float]


def next_look(age: float, chance: Chance) -> float | None:
    """Return in how many seconds to ask about an attempt sent `age` seconds ago; None when the schedule has ended."""
    # By its earliest moment: a look that chance brought forward is not planned a second time.
    offset = next((offset for offset in LOOKS if offset * (1 - JITTER) > age), None)
    if offset is None:
        return None
    return max(jittered(offset, chance) - age, 1.0)


def jittered(seconds: float, chance: Chance) -> float:
    """Return `seconds`, up to a fifth more or less."""
    return seconds * (1 - JITTER + 2 * JITTER * chance())


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with full jitter: 1-2-4-8 s, never above `cap` seconds."""

    base: float = 1.0
    cap: float = 30.0

    def delay(self, retry: int, chance: Chance, at_least: float = 0.0) -> float:
        """Return the seconds to wait before the `retry`-th try again (from 0), honouring the gateway's Retry-After."""
        longest = min(self.base * (1 << retry), self.cap)
        return max(longest * chance(), at_least)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a payment is tried by itself, the first time included, and with which back-off between (B4).

    soft: after a soft decline; processing: after what was the gateway's fault or ours.
    """

    soft: int
    processing: int
    backoff: Backoff = Backoff()

    def allows(self, *, tries: int, is_soft: bool) -> bool:
        """Say whether another try may follow `tries` tries, the last of which was declined softly or else failed."""
        return tries < (self.soft if is_soft else self.processing)
