"""The payment list: what it shows, how it filters, and that it stays fast."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser
from django.urls import reverse

from payments.admin import paginator
from payments.gateways.base import Kind
from payments.models import Client, Order, Payment
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db

URL = "/admin/payments/payment/"


def listed(browser: Browser, query: str = "") -> set[str]:
    """Return the order references in the list."""
    response = browser.get(f"{URL}?{query}")
    assert response.status_code == 200
    return {payment.order.reference for payment in response.context["cl"].result_list}


@pytest.fixture
def several(shop: Client) -> None:
    after(sent(shop, "k1", order="paid"), Kind.SUCCEEDED, reference="ch_1")
    after(sent(shop, "k2", order="failed", currency="JPY", amount=1250), Kind.DECLINED, decline_code="expired_card")
    after(sent(shop, "k3", order="unknown", currency="KWD", amount=5), Kind.UNKNOWN)
    accepted(shop, "k4", order="fresh")


def test_a_row_shows_order_customer_exact_amount_status_and_gateway(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop, amount=1005, currency="KWD"), Kind.SUCCEEDED)
    Order.objects.update(customer_email="eva@example.com")
    page = text_of(operator, URL)
    for text in (payment.pk, "order-1", "eva@example.com", "1.005 KWD", "Success", "primary"):
        assert text in page
    assert f"{payment.created_at:%Y-%m-%d %H:%M:%S}" in page


def test_an_unknown_outcome_is_named_instead_of_the_state(shop: Client, operator: Browser) -> None:
    after(sent(shop), Kind.UNKNOWN)
    rows = operator.get(URL).content.decode().partition('id="result_list"')[2].partition("</table>")[0]
    assert "Outcome unknown" in rows
    assert "Processing" not in rows


@pytest.mark.parametrize(
    ("query", "references"),
    [
        ("status__exact=success", {"paid"}),
        ("currency=JPY", {"failed"}),
        ("gateway=primary", {"paid", "failed", "unknown"}),
        ("outcome_unknown__exact=1", {"unknown"}),
        ("queue=unknown", {"unknown"}),
        ("queue=failed_today", {"failed"}),
        ("queue=stuck", set()),
        ("queue=nonsense", {"paid", "failed", "unknown", "fresh"}),
        ("queue=open", {"paid", "failed", "unknown", "fresh"}),
        ("created=1h", {"paid", "failed", "unknown", "fresh"}),
        ("created=1h&currency=USD&queue=unknown", set()),
        ("q=ch_1", {"paid"}),
        ("q=unknown", {"unknown"}),
        ("q=k4", {"fresh"}),
        ("q=unk", set()),
    ],
)
@pytest.mark.usefixtures("several")
def test_the_list_filters_and_searches(operator: Browser, query: str, references: set[str]) -> None:
    assert listed(operator, query) == references


def test_a_stuck_payment_is_behind_the_card_that_counts_it(several: None, operator: Browser) -> None:
    Payment.objects.filter(order__reference="fresh").update(due_at=Now() - timedelta(minutes=3))
    assert listed(operator, "queue=stuck") == {"fresh"}


def test_the_list_takes_the_same_number_of_statements_for_few_and_many_rows(
    shop: Client, operator: Browser, django_assert_num_queries: Any
) -> None:
    counts = []
    for number in range(3):
        accepted(shop, f"key-{number}", order=f"order-{number}")
        with django_assert_num_queries(7, exact=False) as queries:
            operator.get(URL)
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_no_counts_beside_the_filters_can_be_asked_for(
    shop: Client, operator: Browser, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(7, exact=False) as plain:
        operator.get(URL)
    with django_assert_num_queries(len(plain)):
        page = text_of(operator, f"{URL}?_facets=True")
    assert "Show counts" not in page


def test_no_list_counts_more_than_its_cap(shop: Client, operator: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "newest 1,000" not in text_of(operator, URL)
    monkeypatch.setattr(paginator, "CAP", 2)
    for number in range(3):
        accepted(shop, f"key-{number}", order=f"order-{number}")
    response = operator.get(URL)
    assert response.context["cl"].result_count == 2
    assert "newest 1,000" in response.content.decode()


def test_the_list_is_not_to_be_seen_without_the_permission(shop: Client) -> None:
    assert browser_of("nobody").get(URL).status_code == 403


@pytest.mark.parametrize(
    "model",
    [
        "payment",
        "attempt",
        "auditentry",
        "ledgerposting",
        "idempotencyrecord",
        "operatortask",
        "order",
        "surpluscharge",
    ],
)
@pytest.mark.usefixtures("several")
def test_every_list_opens_and_searches_without_a_statement_per_row(
    operator: Browser, model: str, django_assert_max_num_queries: Any
) -> None:
    url = reverse(f"admin:payments_{model}_changelist")
    with django_assert_max_num_queries(10):
        assert operator.get(url).status_code == 200
    with django_assert_max_num_queries(20):
        assert operator.get(f"{url}?q=paid").status_code == 200


@pytest.mark.parametrize("model", ["attempt", "auditentry", "ledgerposting", "idempotencyrecord", "order"])
@pytest.mark.usefixtures("several")
def test_every_row_has_a_page(viewer: Browser, model: str) -> None:
    response = viewer.get(reverse(f"admin:payments_{model}_changelist"))
    row = response.context["cl"].result_list[0]
    page = text_of(viewer, reverse(f"admin:payments_{model}_change", args=[row.pk]))
    assert "tok_success" not in page


def test_every_link_of_the_list_leads_to_its_payment(shop: Client, operator: Browser) -> None:
    payment = accepted(shop)
    links = re.findall(r'href="(/admin/payments/payment/[^"?]+/change/)', text_of(operator, URL))
    assert links
    for link in set(links):
        assert payment.pk in text_of(operator, link)
