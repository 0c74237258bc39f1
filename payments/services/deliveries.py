"""Claims deliveries of events to shops' endpoints, as a source of the outbox (requirements D3, G7).

Each endpoint has its own queue. At most 16 of its deliveries are under way at once, one where it is failing, so that
one dead endpoint delays nobody else however long its queue is. Events of one payment go in their order.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, DateTimeField, Exists, IntegerField, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Now

from payments.audit import Because
from payments.bulk import update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import Delivery, Event, WebhookEndpoint
from payments.services.deliver import DEADLINE, SEND_WITHIN, Work, deliver
from payments.services.delivered import bring, in_flight, write_brought
from payments.services.outbox import Ask, Write
from payments.services.redeliver import redeliver

__all__ = ["anything_due", "claim", "redeliver"]

AT_ONCE: Final = 16
# Tries of an event after which later ones of its payment wait for it no longer.
PATIENCE: Final = 3
# Tries are counted no further: it tells nothing more, and a column that is full would stop the claims of all.
MOST_COUNTED: Final = 32_000
# Longer than a call can take, its name look-up (which nothing can interrupt), and writing down what it brought.
LEASE: Final = timedelta(seconds=DEADLINE + SEND_WITHIN + 35)
_CLAIM: Final = ("tries", "due_at", "claimed_until", "fence")
# Rows that are looked at beyond those that are needed: some may have to wait for others of their payment.
_LOOK_AHEAD: Final = 32

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class _Ready:
    """An endpoint that may be sent something now, and how many of its places are taken."""

    endpoint: WebhookEndpoint
    busy: int


def anything_due() -> bool:
    """Say whether an endpoint has a due delivery and a free place; cheap whatever the length of its queue."""
    return _ready().exists()


def claim(limit: int, _because: Because) -> list[Ask]:
    """Claim up to `limit` due deliveries; return the calls to make, each of which returns what to write afterwards."""
    prepared_at = time.monotonic()
    with transaction.atomic():
        # Under the endpoints' locks, as whoever writes about one or switches it off.
        rows: Iterable[Any] = _skipping(_ready())
        ready = [_Ready(row, row.busy) for row in rows]
        now = database_now()
        due = [_due(endpoint, places) for endpoint, places in _shares(ready, limit)]
        taken, waiting = _sorted(due, now)
        update_each(waiting, ["due_at"])
        for row in taken:
            row.tries = min(row.tries + 1, MOST_COUNTED)
            row.fence += 1
            row.due_at = row.claimed_until = now + LEASE
        update_each(taken, _CLAIM)
    if __debug__ and taken:
        reach("deliver.claimed")
    endpoints = {found.endpoint.pk: found.endpoint for found in ready}
    return [partial(_ask, item) for item in _work(taken, endpoints, now, prepared_at)]


def _ask(item: Work) -> Write:
    answered = deliver(item)
    if __debug__:
        reach("deliver.answered")
    bring(answered)
    return write_brought


def _ready() -> "QuerySet[WebhookEndpoint]":
    """Return endpoints that may be sent something now, that with the oldest due delivery first."""
    own = Delivery.objects.filter(endpoint=OuterRef("pk"))
    # The first of an index, not a search for one that is due: that would read a dead endpoint's whole queue.
    first = own.filter(due_at__isnull=False).order_by("due_at").values("due_at")[:1]
    taken = own.filter(due_at__gt=Now(), claimed_until__gt=Now()).order_by().values("endpoint")
    busy = Coalesce(Subquery(taken.annotate(number=Count("pk")).values("number")), 0, output_field=IntegerField())
    has_place = Q(busy=0) | Q(failing_since__isnull=True, busy__lt=AT_ONCE)
    rows = WebhookEndpoint.objects.filter(is_enabled=True, deleted_at__isnull=True)
    ready = rows.annotate(first_due_at=Subquery(first, output_field=DateTimeField()), busy=busy)
    return ready.filter(has_place, first_due_at__lte=Now()).order_by("first_due_at")


def _shares(ready: Sequence[_Ready], limit: int) -> Iterable[tuple[WebhookEndpoint, int]]:
    """Yield the endpoints with the number of deliveries that each may begin, `limit` together.

    Failing ones come last, but for one: where there is always more to do, they must be tried again, too.
    """
    healthy = [found for found in ready if found.endpoint.failing_since is None]
    failing = [found for found in ready if found.endpoint.failing_since is not None]
    if failing:
        # However many are dead: they hold a quarter of the threads at most.
        failing = failing[: max(0, max(1, settings.OUTBOX_THREADS // 4) - _under_trial())]
    share = max(1, limit // max(1, len(healthy) + len(failing)))
    for found in (*failing[:1], *healthy, *failing[1:]):
        places = min(share, limit, 1 if found.endpoint.failing_since else AT_ONCE - found.busy)
        if places > 0:
            limit -= places
            yield found.endpoint, places


def _under_trial() -> int:
    """Return how many failing endpoints are being sent something at this moment."""
    sending = in_flight(Delivery.objects.filter(endpoint=OuterRef("pk"), due_at__gt=Now()))
    return WebhookEndpoint.objects.filter(Exists(sending), is_enabled=True, failing_since__isnull=False).count()


def _due(endpoint: WebhookEndpoint, places: int) -> tuple[list[Delivery], int]:
    """Return due deliveries of the locked `endpoint`, more than its `places` as some may have to wait."""
    due = Delivery.objects.filter(endpoint=endpoint, due_at__lte=Now(), state=Delivery.State.PENDING)
    return list(_skipping(due.order_by("due_at"))[: places + _LOOK_AHEAD]), places


def _sorted(due: Sequence[tuple[list[Delivery], int]], now: datetime) -> tuple[list[Delivery], list[Delivery]]:
    """Return what can be sent now, and what must wait for an earlier event of its payment, with a later due_at."""
    earlier = _awaited([row for rows, _ in due for row in rows if row.payment_id])
    taken: list[Delivery] = []
    waiting: list[Delivery] = []
    for rows, places in due:
        free = []
        for row in rows:
            known = earlier.get((row.endpoint_id, row.payment_id), ())
            before = [due_at for sequence, due_at in known if sequence < row.sequence]
            if before:
                # Out of the way, so that what is first is due; whoever delivers the earlier event makes it due at once.
                row.due_at = max(*before, now) + timedelta(seconds=1)
                waiting.append(row)
            else:
                free.append(row)
        taken += free[:places]
    return taken, waiting


def _awaited(rows: Sequence[Delivery]) -> dict[tuple[str, str], list[tuple[int, datetime]]]:
    """Return by endpoint and payment of `rows` sequence and due time of deliveries that later events wait for."""
    found: dict[tuple[str, str], list[tuple[int, datetime]]] = {}
    if not rows:
        return found
    endpoints, payments = {row.endpoint_id for row in rows}, {row.payment_id for row in rows}
    before = Delivery.objects.filter(endpoint__in=endpoints, payment_id__in=payments, state=Delivery.State.PENDING)
    before = before.filter(tries__lt=PATIENCE, due_at__isnull=False)
    for endpoint_id, payment_id, sequence, due_at in before.values_list(
        "endpoint_id", "payment_id", "sequence", "due_at"
    ):
        if due_at is not None:  # a condition of the query, too
            found.setdefault((endpoint_id, payment_id), []).append((sequence, due_at))
    return found


def _work(
    taken: Sequence[Delivery], endpoints: Mapping[str, WebhookEndpoint], now: datetime, prepared_at: float
) -> Iterable[Work]:
    bodies = dict(Event.objects.filter(pk__in={row.event_id for row in taken}).values_list("pk", "body"))
    for row in taken:
        endpoint = endpoints[row.endpoint_id]
        old_is_valid = endpoint.old_secret_until is not None and endpoint.old_secret_until > now
        yield Work(
            delivery_id=row.pk,
            fence=row.fence,
            endpoint_id=endpoint.pk,
            url=endpoint.url,
            event_id=row.event_id,
            body=bodies[row.event_id],
            secrets=(endpoint.secret, endpoint.old_secret) if old_is_valid else (endpoint.secret,),
            prepared_at=prepared_at,
            asked_at=now,
            allow_loopback=settings.DEMO,
        )


def _skipping(rows: "QuerySet[Row]") -> "QuerySet[Row]":
    """Return `rows` with their locks, without those that another worker holds."""
    if connection.features.has_select_for_update_skip_locked:
        return rows.select_for_update(skip_locked=True, no_key=True, of=("self",))
    return rows
