"""Lists of payments by keyset: the cursor is the last id seen, so that page 10,000 costs what page 1 costs."""

from typing import Any, Final

from django.db.models import QuerySet

from payments import ids
from payments.api import paging, representation
from payments.api.problems import FieldError, invalid
from payments.models import Payment
from payments.states import PaymentStatus

_KNOWN: Final = frozenset({"limit", "cursor", "orderID", "status", "createdAfter"})


def page_of(payments: QuerySet[Payment], asked: Any) -> dict[str, Any]:
    """Return one page of `payments`, newest first, filtered as the query parameters `asked` say."""
    errors = paging.unknown_parameters(asked, _KNOWN)
    limit = paging.limit(asked, errors)
    found = _filtered(payments, asked, errors)
    if errors:
        raise invalid(errors)
    rows = list(found.order_by("-id")[: limit + 1])
    more = len(rows) > limit
    return {
        "data": [representation.payment(row) for row in rows[:limit]],
        "nextCursor": rows[limit - 1].pk if more else None,
    }


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
    if created_after and (at := paging.time(created_after, "createdAfter", errors)):
        payments = payments.filter(created_at__gt=at)
    return payments


def _storable(text: str, name: str, errors: list[FieldError]) -> str:
    if "\0" in text or len(text) > 255:
        errors.append(FieldError(name, "is not valid."))
        return ""
    return text
