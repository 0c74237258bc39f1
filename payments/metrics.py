"""Figures for a monitoring system, read from the database with fourteen cheap statements (docs/metrics.md).

Every node gives the same figures, because they are all about the shared rows and none about a process. No label names a
decline code: a reason of fraud is for operators alone (requirement F6).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Count, Min, Q, Sum

from payments.clock import database_now
from payments.ids import floor_id
from payments.models import (
    Circuit,
    Delivery,
    Event,
    GatewayEvent,
    GatewayHealth,
    OperatorTask,
    Payment,
    RefusedWebhook,
    UnmappedDecline,
    WebhookEndpoint,
)
from payments.reliability import ladder
from payments.states import PaymentStatus

Sample = tuple[Mapping[str, str], int]
# Deliveries are counted by state for the events of so long: all that were ever delivered are too many to count.
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. kind: `gauge` or `counter`. samples: labels and value; every value is a whole number."""

    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def metrics() -> list[Metric]:
    """Read all figures now."""
    now = database_now()
    return [
        *(_levels(), *_breakers(), *_queue(now), _unmapped(), _tasks(), _unknown(), _health()),
        *(_unpublished(), _deliveries(now), *_pending(now), _endpoints()),
        *(_refused(), _received(now), _waiting()),
    ]


def _levels() -> Metric:
    """Count downwards: a payment that falls from level 2 to 3 leaves no count, so that a counter never falls."""
    rows = Payment.objects.filter(level__gt=ladder.FIRST).values_list("level").annotate(count=Count("pk"))
    counts = dict(rows.order_by("level"))
    reached: list[Sample] = [
        ({"level": str(level)}, sum(count for lowest, count in counts.items() if lowest >= level))
        for level in range(ladder.AUTHENTICATED, ladder.KINDLY + 1)
    ]
    words = "Payments that went down the ladder to this level or further."
    return Metric("paysite_payments_level_total", "counter", words, reached)


def _breakers() -> Iterable[Metric]:
    rows = {(circuit.gateway, circuit.operation): circuit for circuit in Circuit.objects.all()}
    names = {str(options["name"]) for options in settings.GATEWAYS}
    every = sorted(rows.keys() | {(name, operation) for name in names for operation in Circuit.Operation.values})
    states: list[Sample] = []
    held: list[Sample] = []
    for gateway, operation in every:
        circuit = rows.get((gateway, operation), Circuit(gateway=gateway, operation=operation))
        labels = {"gateway": gateway, "operation": operation}
        meets = circuit.held or circuit.state
        states.extend(({**labels, "state": name}, int(name == meets)) for name in Circuit.State.values)
        held.append((labels, int(bool(circuit.held))))
    return (
        Metric("paysite_breaker_state", "gauge", "1 for the state that calls meet, 0 for the two others.", states),
        Metric("paysite_breaker_held", "gauge", "1 while an operator holds the breaker by hand.", held),
    )


def _queue(now: datetime) -> Iterable[Metric]:
    rows = Payment.objects.filter(queued_at__isnull=False, status=PaymentStatus.RETRYING)
    sums = list(rows.values("currency").annotate(count=Count("pk"), sum=Sum("amount"), oldest=Min("queued_at")))
    sums.sort(key=lambda row: row["currency"])
    oldest = min((row["oldest"] for row in sums), default=now)
    count = sum(row["count"] for row in sums)
    worth: list[Sample] = [({"currency": row["currency"]}, row["sum"]) for row in sums]
    age = max(int((now - oldest).total_seconds()), 0)
    return (
        Metric("paysite_queued_payments", "gauge", "Accepted orders whose charge waits for a gateway.", [({}, count)]),
        Metric("paysite_queued_amount_minor", "gauge", "What those are worth, in minor units.", worth),
        Metric("paysite_queued_oldest_seconds", "gauge", "Seconds for which the oldest of them waits.", [({}, age)]),
    )


def _unmapped() -> Metric:
    total = UnmappedDecline.objects.aggregate(total=Sum("count"))["total"] or 0
    words = "Declines whose code no rule of the decline map names."
    return Metric("paysite_unmapped_declines_total", "counter", words, [({}, total)])


def _tasks() -> Metric:
    rows = OperatorTask.objects.filter(closed_at__isnull=True).values_list("kind").annotate(count=Count("pk"))
    counts = dict(rows.order_by("kind"))
    samples: list[Sample] = [({"kind": kind}, counts.get(kind, 0)) for kind in OperatorTask.Kind.values]
    return Metric("paysite_operator_tasks_open", "gauge", "Open questions that wait for a person.", samples)


def _unknown() -> Metric:
    count = Payment.objects.filter(outcome_unknown=True).count()
    return Metric("paysite_payments_outcome_unknown", "gauge", "Payments whose outcome is unknown.", [({}, count)])


def _health() -> Metric:
    rows = GatewayHealth.objects.filter(healthy__isnull=False).order_by("gateway").values_list("gateway", "healthy")
    samples: list[Sample] = [({"gateway": gateway}, int(bool(is_good))) for gateway, is_good in rows]
    return Metric("paysite_gateway_healthy", "gauge", "What the gateway's own health call said last.", samples)


def _unpublished() -> Metric:
    count = Event.objects.filter(position__isnull=True).count()
    words = "Events written and not yet given their place in the order, as they are within a second."
    return Metric("paysite_events_unpublished", "gauge", words, [({}, count)])


def _deliveries(now: datetime) -> Metric:
    recent = Delivery.objects.filter(event__gte=floor_id("evt", now - _HOUR))
    counts = dict(recent.values_list("state").annotate(count=Count("pk")).order_by("state"))
    samples: list[Sample] = [({"state": state}, counts.get(state, 0)) for state in Delivery.State.values]
    return Metric("paysite_deliveries", "gauge", "Deliveries of the events of the last hour, by state.", samples)


def _pending(now: datetime) -> Iterable[Metric]:
    waiting = Delivery.objects.filter(state=Delivery.State.PENDING)
    found = waiting.aggregate(count=Count("pk"), oldest=Min("created_at"))
    age = max(int((now - found["oldest"]).total_seconds()), 0) if found["oldest"] else 0
    words = "Seconds since the oldest of them was made."
    return (
        Metric("paysite_deliveries_pending", "gauge", "Deliveries on their way, of any age.", [({}, found["count"])]),
        Metric("paysite_deliveries_pending_oldest_seconds", "gauge", words, [({}, age)]),
    )


def _endpoints() -> Metric:
    counts = WebhookEndpoint.objects.filter(deleted_at__isnull=True).aggregate(
        working=Count("pk", filter=Q(is_enabled=True, failing_since__isnull=True)),
        failing=Count("pk", filter=Q(is_enabled=True, failing_since__isnull=False)),
        disabled=Count("pk", filter=Q(is_enabled=False)),
    )
    samples: list[Sample] = [({"state": state}, count) for state, count in counts.items()]
    return Metric("paysite_webhook_endpoints", "gauge", "Shops' endpoints for events, by state.", samples)


def _refused() -> Metric:
    rows = RefusedWebhook.objects.order_by("gateway", "reason").values_list("gateway", "reason", "count")
    samples: list[Sample] = [({"gateway": gateway, "reason": reason}, count) for gateway, reason, count in rows]
    words = "Events that were refused because nobody we know had signed them."
    return Metric("paysite_webhooks_refused_total", "counter", words, samples)


def _received(now: datetime) -> Metric:
    recent = GatewayEvent.objects.filter(received_at__gte=now - _HOUR)
    rows = recent.values_list("gateway", "state").annotate(count=Count("pk")).order_by("gateway", "state")
    counts = {(gateway, state): count for gateway, state, count in rows}
    names = sorted({str(options["name"]) for options in settings.GATEWAYS} | {gateway for gateway, _ in counts})
    samples: list[Sample] = [
        ({"gateway": name, "state": state}, counts.get((name, state), 0))
        for name in names
        for state in GatewayEvent.State.values
    ]
    words = "Events of gateways that were received in the last hour, by what became of them."
    return Metric("paysite_webhooks_events", "gauge", words, samples)


def _waiting() -> Metric:
    count = GatewayEvent.objects.filter(due_at__isnull=False).count()
    words = "Events of gateways that are not applied yet, of any age."
    return Metric("paysite_webhooks_waiting", "gauge", words, [({}, count)])
