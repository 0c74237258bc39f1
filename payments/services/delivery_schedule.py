"""When an event is tried again at an endpoint that did not take it: the example of Standard Webhooks 1.0."""

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

# Waits after the first, second … try; the tenth try is the last.
WAITS: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES: Final = len(WAITS) + 1
# From the first try to the last: a little more than three days.
WHOLE: Final = sum(WAITS, timedelta())
# Waits are up to a tenth longer, so that what failed together does not come back together.
_JITTER: Final = 0.1
# For how long a failing endpoint is left alone after a failure: a quarter of the time for which it has been failing.
_SHORTEST_REST: Final = timedelta(seconds=1)
_LONGEST_REST: Final = timedelta(minutes=1)
_LONGEST_RETRY_AFTER: Final = timedelta(hours=24)
_ASKING: Final = frozenset({429, 503})


def wait_after(tries: int) -> timedelta:
    """Return how long to wait after so many tries; after more than the schedule has, its last wait."""
    return WAITS[min(tries, len(WAITS)) - 1] * (1 + random.random() * _JITTER)  # noqa: S311  (spreads load, no secret)


def rest_after(failing_for: timedelta) -> timedelta:
    """Return how long an endpoint that has been failing for so long is left alone after a failure."""
    return min(max(failing_for / 4, _SHORTEST_REST), _LONGEST_REST)


def retry_after(status: int, headers: Mapping[str, str], now: datetime) -> timedelta:
    """Return for how long the endpoint asks to be left alone (RFC 9110, 10.2.3): up to a day, with 429 and 503.

    Zero where it does not ask, or not in a readable way.
    """
    text = headers.get("Retry-After", "").strip() if status in _ASKING else ""
    # More digits than the longest wait has mean that one.
    asked = timedelta(seconds=int(text[:9])) if text.isascii() and text.isdigit() else _until(text, now)
    return min(max(asked, timedelta()), _LONGEST_RETRY_AFTER)


def _until(text: str, now: datetime) -> timedelta:
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return timedelta()
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
