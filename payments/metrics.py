"""Figures for a monitoring system, read from the database with seven cheap statements (docs/metrics.md).

Every node gives the same figures, because they are all about the shared rows and none about a process. No label names a
decline code: a reason of fraud is for operators alone (requirement F6).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Count, Min, Sum

from payments.clock import database_now
from payments.models import Circuit, GatewayHealth, OperatorTask, Payment, UnmappedDecline
from payments.reliability import ladder
from payments.states import PaymentStatus

Sample = tuple[Mapping[str, str], int]


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
    return [_levels(), *_breakers(), *_queue(now), _unmapped(), _tasks(), _unknown(), _health()]


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
