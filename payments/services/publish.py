"""Puts events into the order in which everybody reads them, and makes a delivery for each endpoint that wants one.

Events are written by many transactions at once, which commit in any order; here one process at a time, under the lock
of one row, gives those that are committed their places. Whoever has read up to one place has therefore missed nothing
before it, and a payment's events stand in the order of their sequence numbers.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from django.db import transaction

from payments.audit import Because
from payments.bulk import insert_each, update_each
from payments.crash_points import reach
from payments.models import Delivery, Event, Publication, WebhookEndpoint
from payments.services.outbox import Ask

_AT_ONCE: Final = 500
# Concerns one endpoint, and has its delivery from the start (payments/services/endpoints.py).
_TEST: Final = "endpoint.test"


def anything_due() -> bool:
    """Say whether an event waits for its place."""
    return Event.objects.filter(position__isnull=True).exists()


def claim(_limit: int, _because: Because) -> Sequence[Ask]:
    """Publish; there is nobody to ask. In the form of a source of the outbox."""
    publish()
    return ()


def publish() -> int:
    """Give up to 500 events their places, oldest first, and make their deliveries; return how many events."""
    with transaction.atomic():
        Publication.objects.get_or_create(pk=1)
        last = Publication.objects.select_for_update().get(pk=1)
        # One payment's events carry times that rise with their sequence: both are given under the payment's lock.
        waiting = Event.objects.filter(position__isnull=True).order_by("happened_at", "sequence", "pk")
        events = list(waiting.defer("body")[:_AT_ONCE])
        if not events:
            return 0
        for event in events:
            last.position += 1
            event.position = last.position
        update_each(events, ["position"])
        last.save(update_fields=["position"])
        insert_each(_deliveries(events))
        if __debug__:
            reach("publish.committing")
    if __debug__:
        reach("publish.committed")
    return len(events)


def _deliveries(events: Iterable[Event]) -> list[Delivery]:
    endpoints: dict[int, list[WebhookEndpoint]] = {}
    clients = {event.client_id for event in events}
    wanting = WebhookEndpoint.objects.filter(client__in=clients, is_enabled=True, deleted_at__isnull=True)
    # Without their locks, which others may hold for long. What is made for one that is switched off at this moment
    # becomes failed a moment later (payments/services/delivery_parts.py).
    for endpoint in wanting:
        endpoints.setdefault(endpoint.client_id, []).append(endpoint)
    return [
        Delivery(event=event, endpoint=endpoint, payment_id=event.payment_id, sequence=event.sequence)
        for event in events
        for endpoint in endpoints.get(event.client_id, ())
        if event.type != _TEST and (not endpoint.types or event.type in endpoint.types)
    ]
