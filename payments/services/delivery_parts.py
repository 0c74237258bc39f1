"""Changes what may be hundreds of thousands of deliveries of one endpoint in parts, as a source of the outbox.

The first part is changed with the endpoint itself, in one transaction; the others here, one in each turn of a loop. The
endpoint's lock is given up in between, so that whoever sends to it, or asks something of it, never waits for long.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from payments.audit import Because
from payments.clock import database_now
from payments.models import Delivery, WebhookEndpoint
from payments.services.outbox import Ask

# Deliveries that are changed under one lock: some hundredths of a second.
PART: Final = 2000

# Endpoints whose outage is over, with the due time up to which what waited was let go. Only this process knows: where
# it ends too early, the rest goes by its schedule.
_recovered: Final[dict[str, datetime]] = {}


def anything_due() -> bool:
    """Say whether a part is left to be done."""
    return _switched_off().exists() or (bool(_recovered) and _healthy().exists())


def claim(_limit: int, _because: Because) -> Sequence[Ask]:
    """Do a part of each kind; there is nobody to ask. In the form of a source of the outbox."""
    with transaction.atomic():
        off = _first(_switched_off())
        if off is not None:
            fail_pending(off)
    if _recovered:
        with transaction.atomic():
            healthy = _first(_healthy())
            if healthy is not None:
                now = database_now()
                _let_go(healthy, max(_recovered[healthy.pk], now), now)
    return ()


def fail_pending(endpoint: WebhookEndpoint) -> None:
    """Make failed what is on its way to the locked `endpoint`, which is switched off: a part now, the rest by and by.

    So is what was published at the very moment at which it was switched off.
    """
    part = Delivery.objects.filter(endpoint=endpoint, state=Delivery.State.PENDING).values_list("pk", flat=True)[:PART]
    Delivery.objects.filter(pk__in=list(part)).update(
        state=Delivery.State.FAILED,
        note=f"The endpoint was switched off: {endpoint.disabled_why}"[:200],
        due_at=None,
        claimed_until=None,
    )


def let_go(endpoint: WebhookEndpoint, now: datetime) -> None:
    """Make due what waits for its next try at the locked `endpoint`: a part now, the rest by and by.

    It comes back to its old places in the queue, in front of what happened later.
    """
    _let_go(endpoint, now, now)


def waiting(endpoints: Iterable[str], now: datetime) -> "QuerySet[Delivery]":
    """Return deliveries to `endpoints` that are due later, without those that are being sent."""
    later = Delivery.objects.filter(endpoint__in=endpoints, state=Delivery.State.PENDING, due_at__gt=now)
    return later.exclude(claimed_until=F("due_at"))


def _let_go(endpoint: WebhookEndpoint, begin: datetime, now: datetime) -> None:
    rows = waiting([endpoint.pk], now).filter(due_at__gte=begin).order_by("due_at")
    part = list(rows.values_list("pk", "due_at")[:PART])
    Delivery.objects.filter(pk__in=[pk for pk, _ in part]).update(due_at=F("created_at"), claimed_until=None)
    last = part[-1][1] if len(part) == PART else None
    if last is None:
        _recovered.pop(endpoint.pk, None)
    else:
        _recovered[endpoint.pk] = last


def _switched_off() -> "QuerySet[WebhookEndpoint]":
    """Return endpoints that are switched off and still have something on its way."""
    pending = Delivery.objects.filter(endpoint=OuterRef("pk"), state=Delivery.State.PENDING)
    return WebhookEndpoint.objects.filter(Exists(pending), is_enabled=False)


def _healthy() -> "QuerySet[WebhookEndpoint]":
    """Return endpoints that have recovered and did not fail again since."""
    return WebhookEndpoint.objects.filter(pk__in=list(_recovered), is_enabled=True, failing_since__isnull=True)


def _first(rows: "QuerySet[WebhookEndpoint]") -> WebhookEndpoint | None:
    """Return one of `rows` under its lock, none where others hold those."""
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return rows.order_by("pk").first()
