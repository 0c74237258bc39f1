"""The list of refunds by keyset, as that of payments (payments/api/listing.py)."""

from typing import Any, Final

from django.db.models import QuerySet

from payments import ids
from payments.api import paging
from payments.api.problems import FieldError, invalid
from refunds.models import Refund
from refunds.representation import refund
from refunds.states import RefundState

_KNOWN: Final = frozenset({"limit", "cursor", "paymentID", "status", "createdAfter"})


def page_of(refunds: QuerySet[Refund], asked: Any) -> dict[str, Any]:
    """Return one page of `refunds`, newest first, filtered as the query parameters `asked` say."""
    errors = paging.unknown_parameters(asked, _KNOWN)
    limit = paging.limit(asked, errors)
    found = _filtered(refunds, asked, errors)
    if errors:
        raise invalid(errors)
    rows = list(found.order_by("-pk")[: limit + 1])
    more = len(rows) > limit
    return {"data": [refund(row) for row in rows[:limit]], "nextCursor": rows[limit - 1].pk if more else None}


def _filtered(refunds: QuerySet[Refund], asked: Any, errors: list[FieldError]) -> QuerySet[Refund]:
    if cursor := asked.get("cursor"):
        if not ids.is_id(cursor, "rf"):
            errors.append(FieldError("cursor", "must be the nextCursor of the page before."))
        else:
            refunds = refunds.filter(pk__lt=cursor)
    if payment_id := asked.get("paymentID"):
        if not ids.is_id(payment_id, "pay"):
            errors.append(FieldError("paymentID", "is not the id of a payment."))
        else:
            refunds = refunds.filter(payment=payment_id)
    if status := asked.get("status"):
        if status not in RefundState.values:
            errors.append(FieldError("status", f"must be one of: {', '.join(RefundState.values)}."))
        else:
            refunds = refunds.filter(state=status)
    created_after = asked.get("createdAfter")
    if created_after and (at := paging.time(created_after, "createdAfter", errors)):
        refunds = refunds.filter(created_at__gt=at)
    return refunds
