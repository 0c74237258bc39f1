"""How often one customer is refunded at once, and who counts as the same customer (requirement D4)."""

import unicodedata
from datetime import timedelta

import pytest

from payments.clock import database_now
from payments.models import Client, Order
from refunds.models import Complaint, ProactiveSpend, Refund
from refunds.services.complain import complain
from tests.payments.conftest import BECAUSE, reload
from tests.refunds.services.complaining import answer, bought, complained, decided, spent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("complaint_policy")]


@pytest.mark.parametrize("customer", ["cust-1", "CUST-1"])
def test_a_customer_is_refunded_once_within_ninety_days(shop: Client, customer: str) -> None:
    bought(shop)
    answer(shop)
    second = bought(shop, "order-2", customer)
    assert decided(answer(shop, "order-2", "complaint-2")) == (
        *("review", "The customer was refunded like this once within 90 days."),
    )
    assert (reload(second).refund_reserved, spent()) == (0, 3000)


def test_the_same_e_mail_address_is_the_same_customer(shop: Client) -> None:
    bought(shop)
    bought(shop, "order-2", "cust-2")
    Order.objects.filter(reference="order-1").update(customer_email="Anna@shop.test")
    Order.objects.filter(reference="order-2").update(customer_email="anna@SHOP.test")
    answer(shop)
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "review"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("José", "JOSÉ"),
        ("José", unicodedata.normalize("NFD", "José")),
        (unicodedata.normalize("NFD", "JOSÉ"), "josé"),
        ("Weiß-7", "WEISS-7"),
        ("cust-１", "CUST-1"),
    ],
)
def test_another_spelling_is_no_other_customer(shop: Client, first: str, second: str) -> None:
    bought(shop, customer=first)
    assert answer(shop).complaint.decision == "refunded"
    payment = bought(shop, "order-2", second)
    assert decided(answer(shop, "order-2", "complaint-2")) == (
        *("review", "The customer was refunded like this once within 90 days."),
    )
    assert (reload(payment).refund_reserved, Refund.objects.count(), spent()) == (0, 1, 3000)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # Reference and e-mail address of two orders, in this order.
        (("", "anna@shop.test"), ("cust-2", "ANNA@shop.test")),
        (("cust-1", "anna@shop.test"), ("", "Anna@Shop.test")),
        (("cust-1", ""), ("CUST-1", "anna@shop.test")),
        (("anna@shop.test", ""), ("", "anna@shop.test")),
    ],
)
def test_one_shared_name_is_enough_to_be_the_same_customer(
    shop: Client, first: tuple[str, str], second: tuple[str, str]
) -> None:
    for order, (reference, email) in (("order-1", first), ("order-2", second)):
        bought(shop, order, reference)
        Order.objects.filter(reference=order).update(customer_email=email)
    assert answer(shop).complaint.decision == "refunded"
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "review"
    assert spent() == 3000


def test_two_customers_without_a_name_in_common_are_two(shop: Client) -> None:
    for order, email in (("order-1", ""), ("order-2", "ben@shop.test")):
        bought(shop, order, f"of-{order}")
        Order.objects.filter(reference=order).update(customer_email=email)
    found = [answer(shop), answer(shop, "order-2", "complaint-2")]
    assert [each.complaint.decision for each in found] == ["refunded", "refunded"]


def test_a_complaint_keeps_who_its_customer_was(shop: Client) -> None:
    bought(shop, customer="José")
    Order.objects.update(customer_email="José@Shop.test")
    found = answer(shop).complaint
    assert (found.customer, found.customer_email) == ("josé", "josé@shop.test")
    # The order's own words may change afterwards; what was granted stays granted.
    Order.objects.update(customer_reference="somebody", customer_email="")
    bought(shop, "order-2", "JOSÉ")
    assert answer(shop, "order-2", "complaint-2").complaint.decision == "review"


@pytest.mark.parametrize(("days", "decision"), [(89, "review"), (91, "refunded")])
def test_a_refund_of_long_ago_does_not_count(shop: Client, days: int, decision: str) -> None:
    bought(shop)
    answer(shop)
    Complaint.objects.update(created_at=database_now() - timedelta(days=days))
    bought(shop, "order-2")
    assert answer(shop, "order-2", "complaint-2").complaint.decision == decision


def test_another_customer_and_another_shop_have_their_own_count(shop: Client) -> None:
    bought(shop)
    answer(shop)
    bought(shop, "order-2", "cust-2")
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    bought(other)
    found = [answer(shop, "order-2", "complaint-2"), complain(complained(other), BECAUSE)]
    assert [each.complaint.decision for each in found] == ["refunded", "refunded"]
    assert list(ProactiveSpend.objects.order_by("spent").values_list("spent", flat=True)) == [3000, 6000]
