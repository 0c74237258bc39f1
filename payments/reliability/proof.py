"""What silence and "not found" prove about an operation that was sent, and when its key may be sent again.

The same rules for charges and refunds (references: gateway outcomes, rules 2 to 4).
"""

from datetime import datetime, timedelta
from typing import Final, Protocol

from payments.gateways.base import Outcome
from payments.reliability.calls import budget
from payments.reliability.gateways import capabilities_of
from payments.reliability.retry import LEAST_WAIT, NOT_FOUND_APART, UNANSWERED_AGAIN, Chance, jittered, next_look

# The same key is sent at most this often. Each send opens the window for a late execution anew, so sending for ever
# would mean that "it did not happen" could never be proven.
MOST_SENDS: Final = 4
# A key is not used again in its last hour: the gateway's clock is not ours (references: gateway outcomes, rule 3).
KEY_LIFE_MARGIN: Final = timedelta(hours=1)
_APART: Final = timedelta(seconds=NOT_FOUND_APART)


class Asked(Protocol):
    """An attempt whose outcome is asked for; the fields are those of payments.models.Attempt."""

    @property
    def gateway(self) -> str: ...

    gateway_reference: str
    reason: str
    sends: int
    sent_at: datetime
    last_sent_at: datetime
    not_found_at: datetime | None


def next_wait(attempt: Asked, outcome: Outcome, *, looked: bool, now: datetime, chance: Chance) -> float | None:
    """Return in how many seconds to ask next: by the schedule, or sooner where that can settle it; None: never again.

    outcome: what was just heard; looked: by a look-up.
    """
    wait = next_look((now - attempt.sent_at).total_seconds(), chance)
    if wait is None:
        return None
    if looked and outcome.opens_breaker:
        # Nobody answered the question. Once somebody does again, the customer should not wait for another hour.
        wait = min(wait, jittered(UNANSWERED_AGAIN, chance))
    if attempt.not_found_at is not None and (window := _window(attempt)) is not None:
        proven = max(attempt.last_sent_at + window, attempt.not_found_at + _APART)
        wait = min(wait, max(jittered(LEAST_WAIT, chance), (proven - now).total_seconds() + LEAST_WAIT))
    return max(wait, float(outcome.retry_after or 0))


def is_proven_absent(attempt: Asked, *, asked_at: datetime | None, now: datetime) -> bool:
    """Say whether another "not found" proves that it did not happen: the window has passed and two looks far enough
    apart agree. The first of them is noted in `attempt`.

    Counted from the latest moment at which the last send can have left, to the earliest at which this look can have
    been answered (asked_at). A gateway that ever named a reference has something, whatever it says now.
    """
    if asked_at is None or attempt.gateway_reference:
        return False
    if attempt.not_found_at is None:
        attempt.not_found_at = now
    window = _window(attempt)
    if window is None:
        return False
    return asked_at - attempt.last_sent_at >= window and asked_at - attempt.not_found_at >= _APART


def may_send_again(attempt: Asked, now: datetime) -> bool:
    """Say whether the same key may be sent once more: the gateway still knows it, and it can bring a new answer."""
    capabilities = capabilities_of(attempt.gateway)
    if capabilities is None or attempt.sends >= MOST_SENDS:
        return False
    if capabilities.replays_errors and attempt.reason == "server_error_replayed":
        return False
    return now - attempt.sent_at < timedelta(seconds=capabilities.key_life) - KEY_LIFE_MARGIN


def _window(attempt: Asked) -> timedelta | None:
    """Return how long after the last send it may still come about; None where nobody knows."""
    capabilities = capabilities_of(attempt.gateway)
    return None if capabilities is None else timedelta(seconds=capabilities.late_arrival + budget())
