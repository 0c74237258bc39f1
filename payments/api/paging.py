"""What the lists of the API have in common: how many rows a page has, and parameters that are none of theirs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.dateparse import parse_datetime

from payments.api.problems import FieldError

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100


def unknown_parameters(asked: Mapping[str, Any], known: frozenset[str]) -> list[FieldError]:
    """Return an error for each parameter in `asked` that the list does not know."""
    return [FieldError(name[:64], "is not a known parameter.") for name in asked.keys() - known]


def limit(asked: Mapping[str, Any], errors: list[FieldError]) -> int:
    """Return how many rows a page is to have, 25 unless told; note what is wrong with it in `errors`."""
    text = asked.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    errors.append(FieldError("limit", f"must be 1 to {MAX_LIMIT}."))
    return DEFAULT_LIMIT


def time(text: str, name: str, errors: list[FieldError]) -> datetime | None:
    """Return the time that `text` says, in UTC; note in `errors`, under `name`, where it is none or has no zone."""
    try:
        at = parse_datetime(text)
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no time at all, or one that UTC cannot say
    errors.append(FieldError(name, "must be a time with its zone, such as 2026-01-31T12:00:00Z."))
    return None
