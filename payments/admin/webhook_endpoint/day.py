"""What became of the newest deliveries to each endpoint: the column and the fact "Last 24 hours"."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, OuterRef, Q, Subquery

from payments.models import Delivery, WebhookEndpoint

# Deliveries that are counted for one endpoint. Each has its own share: a busy one hides no other.
MOST: Final = 10_000
DAY: Final = timedelta(days=1)
State = Delivery.State


def last_days(endpoints: Collection[WebhookEndpoint], now: datetime) -> dict[str, str]:
    """Return, by endpoint, what became of the deliveries that were written for it in the last 24 hours, in words.

    Two statements over the index of (endpoint, id), however many endpoints and deliveries there are. By the time when
    the delivery was written, as ids of deliveries are: what an endpoint is sent that it missed counts on the day of
    that.
    """
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    if firsts := _firsts(endpoints):
        each = (
            Q(endpoint=endpoint, pk__gte=first) if first else Q(endpoint=endpoint) for endpoint, first in firsts.items()
        )
        wanted = Q()
        for one in each:
            wanted |= one
        rows = Delivery.objects.filter(wanted, created_at__gte=now - DAY).order_by()
        for endpoint, state, count in rows.values_list("endpoint", "state").annotate(count=Count("pk")):
            counts[endpoint][state] = count
    return {endpoint.pk: _words(counts[endpoint.pk]) for endpoint in endpoints}


def _firsts(endpoints: Collection[WebhookEndpoint]) -> dict[str, int | None]:
    """Return the delivery from which on each endpoint's are counted: one more than MOST, to see that there are more."""
    newest = Delivery.objects.filter(endpoint=OuterRef("pk")).order_by("-pk").values("pk")[MOST : MOST + 1]
    wanted = WebhookEndpoint.objects.filter(pk__in=[endpoint.pk for endpoint in endpoints])
    return dict(wanted.values_list("pk", Subquery(newest)))


def _words(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    if not total:
        return "no new events"
    parts = [f"{_number(counts.get(State.DELIVERED, 0))} delivered"]
    parts += [
        f"{_number(counts[state])} {words}"
        for state, words in ((State.FAILED, "not"), (State.PENDING, "on the way"))
        if state in counts
    ]
    is_mixed = total > MOST and max(counts.values()) <= MOST
    more = f"over {MOST:,} events, of the newest: " if is_mixed else ""
    return more + ", ".join(parts)


def _number(count: int) -> str:
    return f"over {MOST:,}" if count > MOST else f"{count:,}"
