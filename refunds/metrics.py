"""Figures about refunds for a monitoring system (docs/metrics.md)."""

from datetime import datetime
from typing import Final

from django.db.models import Count, Sum

from payments.clock import database_now
from payments.metrics import Metric, Sample
from refunds.models import Refund, RefundWatch
from refunds.states import OPEN

# Where a refund is open, somebody waits for it.
_STATES: Final = tuple(str(state) for state in OPEN)


def metrics() -> list[Metric]:
    """Read all figures now, with two cheap statements: both are about rows that are few at any time."""
    now = database_now()
    rows = Refund.objects.filter(state__in=_STATES)
    sums = list(rows.values("state", "currency").annotate(count=Count("pk"), sum=Sum("amount")))
    counts: list[Sample] = [
        ({"state": state}, sum(row["count"] for row in sums if row["state"] == state)) for state in _STATES
    ]
    worth: list[Sample] = [
        ({"state": row["state"], "currency": row["currency"]}, row["sum"])
        for row in sorted(sums, key=lambda row: (row["state"], row["currency"]))
    ]
    return [
        Metric("paysite_refunds_open", "gauge", "Refunds that are not over, by state.", counts),
        Metric("paysite_refunds_open_amount_minor", "gauge", "What those are worth, in minor units.", worth),
        Metric("paysite_refund_list_age_seconds", "gauge", "Seconds since a gateway's refunds were read.", _ages(now)),
    ]


def _ages(now: datetime) -> list[Sample]:
    """Return how long ago each gateway's own list of refunds was last read to its end."""
    read = RefundWatch.objects.filter(answered_at__isnull=False).order_by("gateway")
    rows = [(gateway, at) for gateway, at in read.values_list("gateway", "answered_at") if at is not None]
    return [({"gateway": gateway}, max(int((now - at).total_seconds()), 0)) for gateway, at in rows]
