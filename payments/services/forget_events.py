"""Drops old events with the logs of their deliveries, and gateways' events that are done with (requirement G7)."""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Subquery

from payments.clock import database_now
from payments.ids import floor_id
from payments.models import Delivery, DeliveryTry, Event, GatewayEvent

_AT_ONCE: Final = 500


def forget_old() -> int:
    """Delete what is older than settings.EVENT_DAYS and has nothing left to be done; return how many events.

    In small batches, so that no lock is held for long. What is still on its way to an endpoint, not published, or
    with people, stays. So does the newest of each client's old events: up to it whoever asked last has read, and reads
    on from it (payments/api/event_listing.py) for another settings.EVENT_DAYS after something newer happened.
    """
    before = database_now() - timedelta(days=settings.EVENT_DAYS)
    total = 0
    for forget in (_events, _gateway_events):
        while deleted := forget(before):
            total += deleted
    return total


def _events(before: datetime) -> int:
    on_its_way = Delivery.objects.filter(event=OuterRef("pk"), state=Delivery.State.PENDING)
    # By one step in an index, not a search among all that is newer.
    next_one = Event.objects.filter(client=OuterRef("client"), position__gt=OuterRef("position")).order_by("position")
    # Ids begin with the time at which they were made.
    old = Event.objects.filter(pk__lt=floor_id("evt", before), happened_at__lt=before, position__isnull=False)
    with transaction.atomic():
        rows = old.filter(~Exists(on_its_way)).alias(next_at=Subquery(next_one.values("happened_at")[:1]))
        rows = rows.filter(next_at__lt=before).order_by("pk").only("pk")
        if connection.features.has_select_for_update_skip_locked:
            rows = rows.select_for_update(skip_locked=True, of=("self",))
        ids = [row.pk for row in rows[:_AT_ONCE]]
        DeliveryTry.objects.filter(delivery__event__in=ids).delete()
        Delivery.objects.filter(event__in=ids).delete()
        Event.objects.filter(pk__in=ids).delete()
    return len(ids)


def _gateway_events(before: datetime) -> int:
    done = GatewayEvent.objects.filter(
        received_at__lt=before, state__in=[GatewayEvent.State.APPLIED, GatewayEvent.State.IGNORED]
    )
    ids = list(done.order_by("received_at").values_list("pk", flat=True)[:_AT_ONCE])
    GatewayEvent.objects.filter(pk__in=ids).delete()
    return len(ids)
