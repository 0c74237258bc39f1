"""Sends events once more, or to an endpoint that missed them (requirement D3): the same ids and the same bytes."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.ids import floor_id
from payments.models import Delivery, Event, WebhookEndpoint
from payments.services.endpoints import locked, require_enabled

logger = logging.getLogger(__name__)

MOST: Final = 10_000
_AT_ONCE: Final = 1000
# An event's id tells when it was made by the clock of some node, which may differ from the database's by so much.
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
# What is about to be dropped (payments/services/forget_events.py) is not begun with.
_LEFT_ALONE: Final = timedelta(hours=1)


def redeliver(
    endpoint: WebhookEndpoint,
    because: Because,
    *,
    event_ids: Sequence[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    only_failed: bool = False,
) -> int:
    """Make events due at `endpoint` now, with all tries before them; return how many, at most the 10,000 oldest.

    event_ids: these of the client's events, of whatever type; others are passed over. Without it those that happened
    from `since` on and before `until`, of the types that the endpoint chose. Events that it never got, as it did not
    exist or was switched off, are delivered, too, unless `only_failed`. What is being sent at this moment is left
    alone, and so is what happened settings.EVENT_DAYS ago, less an hour. Raises DisabledEndpointError.
    """
    with transaction.atomic():
        row = locked(endpoint.pk)
        require_enabled(row)
        events = _wanted(row) if event_ids is None else _wanted(row).filter(pk__in=list(event_ids))
        if event_ids is None:
            events = _within(events, row, since, until)
        if only_failed:
            failed = Delivery.objects.filter(event=OuterRef("pk"), endpoint=row, state=Delivery.State.FAILED)
            events = events.filter(Exists(failed))
        # Locked, or an event could be dropped before its delivery is made; what is being dropped is waited for, and not
        # found then. Before the locks of deliveries, as whoever drops events does.
        events = events.select_for_update(no_key=True, of=("self",))
        found = list(events.order_by("position").only("payment_id", "sequence")[:MOST])
        count = sum(_make_due(found[start : start + _AT_ONCE], row) for start in range(0, len(found), _AT_ONCE))
    logger.info("%d events are delivered again to endpoint %s by %s", count, row.pk, because.actor)
    return count


def _wanted(endpoint: WebhookEndpoint) -> "QuerySet[Event]":
    own = Delivery.objects.filter(event=OuterRef("pk"), endpoint=endpoint)
    sending = own.filter(state=Delivery.State.PENDING, claimed_until__gt=Now(), claimed_until=F("due_at"))
    oldest = database_now() - timedelta(days=settings.EVENT_DAYS) + _LEFT_ALONE
    kept = Event.objects.filter(pk__gte=floor_id("evt", oldest - _CLOCKS_DIFFER), happened_at__gte=oldest)
    published = kept.filter(client=endpoint.client_id, position__isnull=False)
    # The test of an endpoint concerns no other.
    return published.filter(~Exists(sending), ~Q(type="endpoint.test") | Exists(own))


def _within(
    events: "QuerySet[Event]", endpoint: WebhookEndpoint, since: datetime | None, until: datetime | None
) -> "QuerySet[Event]":
    if since is not None:
        # By the primary key as well, as there is no index of times: ids begin with them.
        events = events.filter(pk__gte=floor_id("evt", since - _CLOCKS_DIFFER), happened_at__gte=since)
    if until is not None:
        events = events.filter(happened_at__lt=until)
    return events.filter(type__in=endpoint.types) if endpoint.types else events


def _make_due(events: Sequence[Event], endpoint: WebhookEndpoint) -> int:
    there = Delivery.objects.filter(endpoint=endpoint, event__in=[event.pk for event in events])
    known = set(there.values_list("event_id", flat=True))
    there.update(state=Delivery.State.PENDING, note="", tries=0, due_at=Now(), claimed_until=None, delivered_at=None)
    missing = [event for event in events if event.pk not in known]
    Delivery.objects.bulk_create(
        Delivery(event=event, endpoint=endpoint, payment_id=event.payment_id, sequence=event.sequence)
        for event in missing
    )
    return len(events)
