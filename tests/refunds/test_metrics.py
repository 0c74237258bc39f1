"""Figures about refunds (requirement G5)."""

from collections.abc import Mapping
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from payments.clock import database_now
from payments.models import Client
from payments.services.settle import Settler
from refunds.metrics import metrics
from refunds.models import RefundWatch
from tests.refunds.conftest import captured, requested
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def samples(name: str) -> list[tuple[Mapping[str, str], int]]:
    return next(list(metric.samples) for metric in metrics() if metric.name == name)


def test_open_refunds_are_counted_by_state_and_worth(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    payment = captured(shop, settler)
    requested(payment, 3000)
    requested(payment, 2000, "refund-2", limits={})
    counts = {labels["state"]: value for labels, value in samples("paysite_refunds_open")}
    assert counts == {"requested": 1, "awaiting_approval": 1, "processing": 0, "unknown": 0}
    assert samples("paysite_refunds_open_amount_minor") == [
        ({"state": "awaiting_approval", "currency": "USD"}, 2000),
        ({"state": "requested", "currency": "USD"}, 3000),
    ]


def test_refunds_that_are_over_are_in_no_figure(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    requested(captured(shop, settler))
    settler.drain()
    assert sum(value for _, value in samples("paysite_refunds_open")) == 0
    assert samples("paysite_refunds_open_amount_minor") == []


def test_the_age_of_each_gateways_list_is_told(db: None) -> None:
    now = database_now()
    RefundWatch.objects.create(gateway="primary", due_at=now, answered_at=now - timedelta(seconds=90))
    RefundWatch.objects.create(gateway="secondary", due_at=now)
    ((labels, age),) = samples("paysite_refund_list_age_seconds")
    assert labels == {"gateway": "primary"}
    assert 90 <= age < 100


def test_open_refunds_are_counted_by_the_index_of_those_that_did_not_succeed(db: None) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("The plan is PostgreSQL's: SQLite uses no partial index for values that are given apart.")
    with CaptureQueriesContext(connection) as sent:
        metrics()
    [counting] = [query["sql"] for query in sent if '"refunds_refund"' in query["sql"]]
    with transaction.atomic(), connection.cursor() as cursor:
        # The table is too small here for any index to be worth it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {counting}")
        plan = str(cursor.fetchall())
    assert "refund_not_succeeded" in plan
