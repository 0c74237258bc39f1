"""The delivery log of one endpoint: newest first, each delivery with its tries (requirement G7)."""

from typing import Any, Final

from payments import ids, queries
from payments.api import paging, representation
from payments.api.problems import FieldError
from payments.api.webhook_endpoint_input import refused
from payments.models import Delivery, WebhookEndpoint

_KNOWN: Final = frozenset({"limit", "cursor", "status"})


def page_of(endpoint: WebhookEndpoint, asked: Any) -> dict[str, Any]:
    """Return one page of the endpoint's deliveries; the cursor is the id of the last one's event."""
    errors = paging.unknown_parameters(asked, _KNOWN)
    limit = paging.limit(asked, errors)
    deliveries = Delivery.objects.filter(endpoint=endpoint)
    found = deliveries
    if cursor := asked.get("cursor"):
        known = ids.is_id(cursor, "evt")
        last = deliveries.filter(event=cursor).values_list("pk", flat=True).first() if known else None
        if last is None:
            errors.append(FieldError("cursor", "must be the nextCursor of the page before."))
        found = found.filter(pk__lt=last or 0)
    if status := asked.get("status"):
        if status not in Delivery.State.values:
            errors.append(FieldError("status", f"must be one of: {', '.join(Delivery.State.values)}."))
        else:
            found = found.filter(state=status)
    if errors:
        raise refused(errors)
    rows = list(queries.with_tries(found.order_by("-pk"))[: limit + 1])
    more = len(rows) > limit
    return {
        "data": [representation.delivery(row) for row in rows[:limit]],
        "nextCursor": rows[limit - 1].event_id if more else None,
    }
