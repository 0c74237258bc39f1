"""Reads Retry-After (RFC 9110, section 10.2.3) as seconds that we are willing to wait."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

LEAST: Final = 1
MOST: Final = 15 * 60

_SECONDS = re.compile(r"([+-]?)0*([0-9]+)")


def retry_after(value: str | None, now: datetime) -> int | None:
    """Return seconds to wait, clamped to 1 s … 15 min, or None where `value` says nothing that can be read.

    `value` is a number of seconds or an HTTP-date, which is compared with `now` (aware).
    """
    if value is None:
        return None
    if number := _SECONDS.fullmatch(value.strip()):
        sign, digits = number.groups()
        return _clamped(MOST if len(digits) > 6 else int(digits), negative=sign == "-")
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return _clamped(round((date - now).total_seconds()))


def _clamped(seconds: int, *, negative: bool = False) -> int:
    return LEAST if negative else max(LEAST, min(seconds, MOST))
