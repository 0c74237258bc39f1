"""Shops are told of checkouts that ended unpaid (requirement D3)."""

import json
from datetime import timedelta

import pytest

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, Event, Order, Payment
from payments.services.checkouts import tell_expired
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db


def order(shop: Client) -> Order:
    return Order.objects.create(client=shop, reference="order-1", amount=1250, currency="USD")


def session(of: Order, *, expired: bool = True, **age: float) -> CheckoutSession:
    now = database_now()
    expires_at = now + (timedelta(seconds=-1) if expired else timedelta(minutes=5))
    made = CheckoutSession.objects.create(
        client=of.client, order=of, return_url="https://shop.test/", expires_at=expires_at
    )
    CheckoutSession.objects.filter(pk=made.pk).update(created_at=now - timedelta(**age))
    return made


def told() -> list[str]:
    return [row.type for row in Event.objects.filter(type__startswith="checkout.")]


def test_an_unpaid_checkout_is_told_once_without_its_token(shop: Client) -> None:
    made = session(order(shop))
    assert tell_expired() == 1
    assert tell_expired() == 0
    event = Event.objects.get()
    assert (event.type, event.sequence, event.payment_id) == ("checkout.expired", 0, "")
    data = json.loads(event.body)["data"]
    assert (data["orderID"], data["status"], data["paymentID"]) == ("order-1", "expired", None)
    assert made.pk not in event.body
    made.refresh_from_db()
    assert made.ended_at is not None


def test_a_checkout_whose_time_is_not_over_is_left_alone(shop: Client) -> None:
    made = session(order(shop), expired=False)
    assert tell_expired() == 0
    made.refresh_from_db()
    assert made.ended_at is None


def test_of_several_pages_for_one_order_the_newest_counts(shop: Client) -> None:
    of = order(shop)
    session(of, hours=2)
    newest = session(of, hours=1)
    assert tell_expired() == 1
    assert not CheckoutSession.objects.filter(ended_at__isnull=True).exists()
    CheckoutSession.objects.update(ended_at=None)
    CheckoutSession.objects.filter(pk=newest.pk).update(expires_at=database_now() + timedelta(hours=1))
    assert tell_expired() == 0
    assert CheckoutSession.objects.get(ended_at__isnull=True) == newest


@pytest.mark.parametrize("kind", [None, Kind.UNKNOWN])
def test_while_a_payment_is_under_way_nothing_is_told(shop: Client, kind: Kind | None) -> None:
    attempt = sent(shop)
    if kind is not None:
        after(attempt, kind, "read_timeout")
    made = session(Payment.objects.get().order)
    assert tell_expired() == 0
    made.refresh_from_db()
    assert (made.ended_at, told()) == (None, [])


def test_a_paid_checkout_ends_in_silence(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    made = session(Payment.objects.get().order)
    assert tell_expired() == 0
    made.refresh_from_db()
    assert made.ended_at is not None
    assert told() == []


def test_after_a_decline_it_is_told(shop: Client) -> None:
    after(sent(shop), Kind.DECLINED, decline_code="expired_card")
    session(Payment.objects.get().order)
    assert tell_expired() == 1
    assert told() == ["checkout.expired"]
