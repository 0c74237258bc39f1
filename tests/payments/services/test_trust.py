"""Whom an order is accepted from although no gateway answers (requirement B7, level 4)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Client, CustomerStanding, Order, Payment
from payments.services.trust import is_trusted
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db

ANNA = "anna"
Pays = Callable[..., None]


@pytest.fixture
def pays(shop: Client) -> Pays:
    """Return what makes `times` paid orders of a customer, each `days` ago."""
    numbers = iter(range(1, 100))

    def pay(times: int, days: float = 30, customer: str = ANNA, client: Client = shop) -> None:
        for _ in range(times):
            number = next(numbers)
            attempt = sent(client, f"paid-{number}", order=f"paid-{number}")
            after(attempt, Kind.SUCCEEDED, reference=f"ch_{number}")
            ago = Now() - timedelta(days=days)
            Payment.objects.filter(pk=attempt.payment_id).update(processed_at=ago)
            Order.objects.filter(pk=attempt.payment.order_id).update(customer_reference=customer)

    return pay


def order_of(shop: Client, customer: str = ANNA, amount: int = 1250, currency: str = "USD") -> Payment:
    payment = accepted(shop, "now", order="now", amount=amount, currency=currency)
    Order.objects.filter(pk=payment.order_id).update(customer_reference=customer)
    return payment


def stand(shop: Client, *, trusted: bool, customer: str = ANNA) -> None:
    CustomerStanding.objects.create(
        client=shop, customer_reference=customer, trusted=trusted, reason="known", set_by="operator:ben"
    )


@pytest.mark.parametrize(("times", "days", "trusted"), [(3, 30, True), (2, 30, False), (3, 6.9, False), (3, 7.1, True)])
def test_enough_paid_orders_for_long_enough_make_trust(
    shop: Client, pays: Pays, times: int, days: float, trusted: bool
) -> None:
    pays(times, days)
    assert is_trusted(order_of(shop)) is trusted


def test_only_the_oldest_must_be_old(shop: Client, pays: Pays) -> None:
    pays(1, 8)
    pays(2, 0)
    assert is_trusted(order_of(shop))


def test_the_rule_is_a_setting(shop: Client, pays: Pays, settings: Any) -> None:
    settings.TRUST_PAYMENTS, settings.TRUST_DAYS = 1, 0
    payment = order_of(shop)
    assert not is_trusted(payment)
    pays(1, 0.001)
    assert is_trusted(payment)


def test_orders_that_were_not_paid_make_no_trust(shop: Client, pays: Pays) -> None:
    pays(2)
    for number in range(5):
        attempt = sent(shop, f"bad-{number}", order=f"bad-{number}")
        after(attempt, Kind.DECLINED, decline_code="expired_card")
        Payment.objects.filter(pk=attempt.payment_id).update(processed_at=Now() - timedelta(days=30))
    Order.objects.update(customer_reference=ANNA)
    assert not is_trusted(order_of(shop))


def test_another_customer_and_another_shop_make_no_trust(shop: Client, pays: Pays) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x", return_origins=["https://other.test"])
    pays(3, customer="ben")
    pays(3, client=other)
    assert not is_trusted(order_of(shop))


@pytest.mark.parametrize(
    ("currency", "amount", "trusted"),
    [("USD", 20_000, True), ("USD", 20_001, False), ("JPY", 20_000, True), ("JPY", 20_001, False)]
    + [("KWD", 60_000, True), ("KWD", 60_010, False), ("EUR", 20_000, True)],
)
def test_each_currency_has_its_limit(shop: Client, pays: Pays, currency: str, amount: int, trusted: bool) -> None:
    pays(3)
    assert is_trusted(order_of(shop, amount=amount, currency=currency)) is trusted


def test_a_currency_without_a_limit_is_never_trusted(shop: Client, pays: Pays, settings: Any) -> None:
    settings.TRUST_LIMITS = {"EUR": 20_000}
    pays(3)
    assert not is_trusted(order_of(shop))


def test_a_person_may_trust_whom_the_rule_does_not(shop: Client) -> None:
    stand(shop, trusted=True)
    assert is_trusted(order_of(shop, amount=5_000_000))


def test_a_person_may_distrust_whom_the_rule_trusts(shop: Client, pays: Pays) -> None:
    pays(3)
    stand(shop, trusted=False)
    assert not is_trusted(order_of(shop))


def test_a_persons_word_is_about_one_customer_of_one_shop(shop: Client) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x", return_origins=["https://other.test"])
    stand(other, trusted=True)
    stand(shop, trusted=True, customer="ben")
    assert not is_trusted(order_of(shop))


def test_a_customer_without_a_name_is_never_trusted(shop: Client, pays: Pays) -> None:
    pays(3, customer="")
    stand(shop, trusted=True, customer="")
    assert not is_trusted(order_of(shop, customer=""))
