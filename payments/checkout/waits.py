"""How long something takes, as people say it: roughly, so that the words do not change every second."""

from datetime import datetime
from typing import Final

# From so many seconds on it is said so.
_ROUGHLY: Final = (
    (5400, "in a few hours"),
    (2700, "in about an hour"),
    (1200, "in about half an hour"),
    (450, "in about ten minutes"),
    (90, "in a few minutes"),
    (45, "in about a minute"),
    (25, "in about 30 seconds"),
    (15, "in about 20 seconds"),
    (7, "in about 10 seconds"),
    (2, "in about 5 seconds"),
)


def in_about(at: datetime | None, now: datetime) -> str:
    """Return how long it is until `at`, rounded to the words of a person; "in a moment" where it is due."""
    seconds = 0.0 if at is None else (at - now).total_seconds()
    return next((said for least, said in _ROUGHLY if seconds >= least), "in a moment")
