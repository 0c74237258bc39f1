"""Applies events once more because an operator says so (E1): that one came and that it was applied are two facts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Now

from payments import audit
from payments.audit import Because
from payments.bulk import insert_each
from payments.models import GatewayEvent, Payment
from payments.services.gateway_events.match import Match, find
from payments.services.gateway_events.rules import our_payment_id

_AT_ONCE: Final = 500
_NOTE: Final = "Somebody asked to apply it again."


def apply_again(
    because: Because,
    *,
    ids: Sequence[int] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    gateway: str = "",
    reason: str = "",
) -> int:
    """Make events due now as if they had just come, and say so in the audit trail of the payments they are about.

    Either `ids`, or those received from `since` to before `until`, of `gateway` where it is named. Returns how many.
    Safe to repeat: applying an event twice changes nothing that is right. Raises ValueError without any choice.
    """
    if not ids and (since is None or until is None):
        raise ValueError("Name the events, or when they were received.")
    chosen = GatewayEvent.objects.filter(pk__in=ids) if ids else _received(since, until, gateway)
    numbers = list(chosen.order_by("pk").values_list("pk", flat=True))
    parts = [numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE)]
    return sum(_part(part, because, reason) for part in parts)


def _received(since: datetime | None, until: datetime | None, gateway: str) -> "QuerySet[GatewayEvent]":
    events = GatewayEvent.objects.filter(received_at__gte=since, received_at__lt=until)
    return events.filter(gateway=gateway) if gateway else events


@transaction.atomic
def _part(numbers: Sequence[int], because: Because, reason: str) -> int:
    rows = GatewayEvent.objects.filter(pk__in=numbers).defer("body").order_by("pk")
    events = list(rows.select_for_update(no_key=True))
    GatewayEvent.objects.filter(pk__in=[event.pk for event in events]).update(
        state=GatewayEvent.State.RECEIVED,
        note=_NOTE,
        tries=0,
        due_at=Now(),
        claimed_until=None,
        # Whoever holds it now writes nothing any more.
        fence=F("fence") + 1,
        applied_at=None,
    )
    _tell(events, because, reason)
    return len(events)


def _tell(events: Sequence[GatewayEvent], because: Because, reason: str) -> None:
    """Write the audit entry of every event that is about a payment of ours."""
    matches = find(events)
    names = {event.pk: _payment_of(event, matches.get(event.pk)) for event in events}
    payments = Payment.objects.in_bulk({name for name in names.values() if name})
    insert_each(
        [
            audit.payment_entry(
                payments[names[event.pk]],
                "event.applied_again",
                because,
                before=payments[names[event.pk]].status,
                reason=reason,
                gateway=event.gateway,
                event=event.event_id,
                type=event.type,
            )
            for event in events
            if names[event.pk] in payments
        ]
    )


def _payment_of(event: GatewayEvent, match: Match | None) -> str:
    return match.attempt.payment_id if match is not None else our_payment_id(event)
