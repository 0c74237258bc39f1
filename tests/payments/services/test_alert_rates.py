"""The rates of requirement G3: when each is told, and when not."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from payments.ids import floor_id
from payments.models import Attempt, Client, Notice, OperatorTask, Order, Payment
from payments.services import alert_rates

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def _team(settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]


def ended(shop: Client, count: int, status: str, *, ago: timedelta = MINUTE, took: float = 1.0, **more: Any) -> None:
    """Make `count` payments that began `ago` and ended `took` seconds later."""
    began = timezone.now() - ago
    start = Payment.objects.count()
    names = [f"order-{start + number}" for number in range(count)]
    prefix = floor_id("pay", began)[:-6]
    orders = Order.objects.bulk_create(
        [Order(client=shop, reference=name, amount=100, currency="USD") for name in names]
    )
    payments = [
        Payment(
            id=f"{prefix}{start + number:06d}",
            client=shop,
            order=order,
            idempotency_key=order.reference,
            amount=100,
            currency="USD",
            method_token="tok",
            expires_at=began,
            **more,
        )
        for number, order in enumerate(orders)
    ]
    Payment.objects.bulk_create(payments)
    mine = Payment.objects.filter(pk__in=[payment.pk for payment in payments])
    for step in ("processing", status):
        mine.update(status=step)
    mine.update(created_at=began)
    mine.update(processed_at=F("created_at") + timedelta(seconds=took))


def told() -> list[tuple[str, str, str]]:
    alert_rates.check()
    return list(Notice.objects.order_by("pk").values_list("kind", "severity", "subject"))


@pytest.mark.parametrize(("paid", "failed", "bad"), [(18, 2, False), (17, 3, True), (16, 3, False), (90, 10, False)])
def test_more_than_a_tenth_of_at_least_twenty_is_critical(shop: Client, paid: int, failed: int, *, bad: bool) -> None:
    ended(shop, paid, "success")
    ended(shop, failed, "failed")
    subject = f"{failed} of {paid + failed} payments failed in 15 minutes"
    assert told() == ([("failure_rate", "critical", subject)] if bad else [])


def test_failures_of_an_hour_ago_are_over(shop: Client) -> None:
    ended(shop, 30, "failed", ago=60 * MINUTE)
    assert told() == []


def test_it_is_told_at_most_once_an_hour(shop: Client) -> None:
    ended(shop, 30, "failed")
    assert len(told()) == 1
    assert len(told()) == 1
    Notice.objects.update(key="failure_rate:2026-01-01T00")
    assert len(told()) == 2


@pytest.mark.parametrize(("fast", "slow", "bad"), [(99, 1, False), (98, 2, True), (97, 2, False)])
def test_a_p99_over_ten_seconds_is_a_warning(shop: Client, fast: int, slow: int, *, bad: bool) -> None:
    ended(shop, fast, "success", took=10.0)
    ended(shop, slow, "success", took=10.1)
    assert [row[:2] for row in told()] == ([("slow_payments", "warning")] if bad else [])


def test_who_confirmed_with_the_bank_or_was_accepted_for_later_was_not_slow(shop: Client) -> None:
    ended(shop, 100, "success")
    ended(shop, 5, "success", took=60.0, queued_at=timezone.now())
    ended(shop, 5, "success", took=61.0)
    asked = Payment.objects.filter(processed_at=F("created_at") + timedelta(seconds=61))
    assert asked.count() == 5
    for payment in asked:
        attempt = {"payment": payment, "number": 1, "gateway": "primary", "gateway_key": payment.pk}
        Attempt.objects.create(**attempt, amount=100, currency="USD", token="tok", three_d_secure=True)
    assert told() == []


@pytest.mark.parametrize(("today", "bad"), [(5, False), (6, True)])
def test_more_than_five_disputes_today_are_critical(db: None, today: int, *, bad: bool) -> None:
    for number in range(today + 3):
        OperatorTask.objects.create(kind="dispute_received", subject=f"dispute {number}", detail="x")
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    OperatorTask.objects.filter(subject__in=["dispute 0", "dispute 1", "dispute 2"]).update(
        opened_at=midnight - timedelta(seconds=1)
    )
    OperatorTask.objects.exclude(subject__in=["dispute 0", "dispute 1", "dispute 2"]).update(opened_at=midnight)
    assert told() == ([("disputes", "critical", "6 disputes were received today")] if bad else [])
