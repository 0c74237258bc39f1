"""The list of events: in the order in which they were published, so that whoever reads on from a cursor misses none.

A cursor is the id of an event: its place in the order, which counts the events of all clients, is not told. It is
found again by the id, so a shop may also read on from the last event that it was sent.
"""

from typing import Any, Final

import orjson
from django.db.models import QuerySet

from payments import events, ids, queries
from payments.api import paging
from payments.api.problems import FieldError, invalid
from payments.models import Event

# The cursor before the first event: reading on from it reads everything.
START: Final = "start"
_KNOWN: Final = frozenset({"after", "limit", "type", "paymentID"})


def page_of(published: QuerySet[Event], asked: Any) -> dict[str, Any]:
    """Return the next page of a client's `published` events, as the query parameters `asked` say.

    The answer always has a cursor to read on from. It is beyond everything that was looked through, so that a rare
    type is not looked for in the same events again.
    """
    errors = paging.unknown_parameters(asked, _KNOWN)
    limit = paging.limit(asked, errors)
    after = asked.get("after") or START
    begin = _position(published, after, errors)
    found = _filtered(published, asked, errors)
    if errors:
        raise invalid(errors)
    # Before the page is read: what is published meanwhile is beyond the cursor and not jumped over.
    last = published.order_by("-position").only("position").first()
    if last is None or last.position is None:
        return {"data": [], "nextCursor": after, "hasMore": False}
    rows = list(found.filter(position__gt=begin, position__lte=last.position).order_by("position")[: limit + 1])
    more = len(rows) > limit
    return {
        "data": [body(row) for row in rows[:limit]],
        "nextCursor": rows[limit - 1].pk if more else last.pk,
        "hasMore": more,
    }


def body(event: Event) -> orjson.Fragment:
    """Return the bytes that are delivered, to be put into the answer as they are."""
    return orjson.Fragment(event.body)


def _position(published: QuerySet[Event], after: str, errors: list[FieldError]) -> int:
    if after == START:
        return 0
    position = published.filter(pk=after).values_list("position", flat=True).first() if _is_event(after) else None
    if position is None:
        errors.append(FieldError("after", f"must be the nextCursor of an answer, the id of an event, or {START}."))
    return position or 0


def _filtered(found: QuerySet[Event], asked: Any, errors: list[FieldError]) -> QuerySet[Event]:
    if type_ := asked.get("type"):
        if type_ not in events.TYPES:
            errors.append(FieldError("type", "is not an event type. GET /api/event-types lists them."))
        else:
            found = found.filter(type=type_)
    if payment_id := asked.get("paymentID"):
        if not ids.is_id(payment_id, "pay"):
            errors.append(FieldError("paymentID", "is not the id of a payment."))
        else:
            found = queries.about(found, payment_id)
    return found


def _is_event(text: str) -> bool:
    return ids.is_id(text, "evt")
