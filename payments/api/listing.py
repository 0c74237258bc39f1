"""Lists of payments by keyset: the cursor is the last id seen, so that page 10,000 costs what page 1 costs."""

from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime

from payments import ids
from payments.api import representation
from payments.api.problems import FieldError, invalid
from payments.models import Payment
from payments.states import PaymentStatus

DEFAULT_LIMIT: Final = 25
MAX_LIMIT: Final = 100
_KNOWN: Final = frozenset({"limit", "cursor", "orderID", "status", "createdAfter"})


def page_of(payments: QuerySet[Payment], asked: Any) -> dict[str, Any]:
    """Return one page of `payments`, newest first, filtered as the query parameters `asked` say."""
    errors = [FieldError(name[:64], "is not a known parameter.") for name in asked.keys() - _KNOWN]
    limit = _limit(asked.get("limit"), errors)
    found = _filtered(payments, asked, errors)
    if errors:
        raise invalid(errors)
    rows = list(found.order_by("-id")[: limit + 1])
    more = len(rows) > limit
    return {
        "data": [representation.payment(row) for row in rows[:limit]],
        "nextCursor": rows[limit - 1].pk if more else None,
    }


def _limit(text: str | None, errors: list[FieldError]) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    errors.append(FieldError("limit", f"must be 1 to {MAX_LIMIT}."))
    return DEFAULT_LIMIT


def _filtered(payments: QuerySet[Payment], asked: Any, errors: list[FieldError]) -> QuerySet[Payment]:
    if cursor := asked.get("cursor"):
        if not ids.is_id(cursor, "pay"):
            errors.append(FieldError("cursor", "must be the nextCursor of the page before."))
        else:
            payments = payments.filter(pk__lt=cursor)
    if order_id := asked.get("orderID"):
        payments = payments.filter(order__reference=_storable(order_id, "orderID", errors))
    if status := asked.get("status"):
        if status not in PaymentStatus.values:
            errors.append(FieldError("status", f"must be one of: {', '.join(PaymentStatus.values)}."))
        payments = payments.filter(status=_storable(status, "status", errors))
    created_after = asked.get("createdAfter")
    if created_after and (at := _time(created_after, errors)):
        payments = payments.filter(created_at__gt=at)
    return payments


def _storable(text: str, name: str, errors: list[FieldError]) -> str:
    if "\0" in text or len(text) > 255:
        errors.append(FieldError(name, "is not valid."))
        return ""
    return text


def _time(text: str, errors: list[FieldError]) -> datetime | None:
    try:
        at = parse_datetime(text)
        if at is not None and at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError):
        pass  # no time at all, or one that UTC cannot say
    errors.append(FieldError("createdAfter", "must be a time with its zone, such as 2026-01-31T12:00:00Z."))
    return None
