"""Times, spans and sums of money as the console writes them. Every time is UTC and says so."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from payments.money import Money

_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def utc(at: datetime | None) -> str:
    """Return a time to the second: `2026-01-31 03:12:05 UTC`; a dash for none."""
    return "—" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def short(at: datetime, now: datetime) -> str:
    """Return a time to the minute: `14:02 UTC`, with the day where it is not the day of `now`."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units: `40 s`, `3 min 20 s`, `2 d 4 h`; never below zero."""
    left = max(int(length.total_seconds()), 0)
    parts = []
    for seconds, unit in _UNITS:
        if left >= seconds:
            parts.append(f"{left // seconds} {unit}")
            left %= seconds
        elif parts:
            break
    return " ".join(parts[:2]) or "0 s"


def ago(at: datetime | None, now: datetime) -> str:
    """Return how long ago `at` was: `12 s ago`; `never` for none."""
    return "never" if at is None else f"{span(now - at)} ago"


def sums(totals: Mapping[str, int]) -> list[str]:
    """Return exact sums, ordered by currency code, of totals in minor units per currency."""
    return [str(Money(totals[currency], currency)) for currency in sorted(totals)]


def masked(secret: str) -> str:
    """Return enough of a token to recognise it, too little to use it: `chk_3f…`, `tok_su…`."""
    return f"{secret[:6]}…" if len(secret) > 12 else f"{secret[:4]}…"
