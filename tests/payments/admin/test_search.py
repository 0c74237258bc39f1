"""A payment is found by whatever the operator has at hand, and by nothing less than the whole of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.admin.payment.search import find
from payments.gateways.base import Kind
from payments.idempotency import request_hash
from payments.models import Client, IdempotencyRecord, Order
from payments.services.accept import PayRequest, accept
from tests.payments.conftest import BECAUSE, accepted, after, sent

pytestmark = pytest.mark.django_db


def test_a_payment_is_found_by_each_of_its_names(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.SUCCEEDED, reference="ch_77")
    accepted(shop, "another-key", order="another-order")
    Order.objects.filter(pk=payment.order_id).update(customer_email="eva@example.com")
    names = [payment.pk, payment.order_id, "order-1", "order-1-pay", "ch_77", attempt.gateway_key]
    assert [find(name) for name in [*names, "eva@example.com", "Eva@Example.com"]] == [{payment.pk}] * 8


@pytest.mark.parametrize("term", ["", "order", "rder-1", "pay_", "%", "eva", "ch_"])
def test_parts_of_names_find_nothing(shop: Client, term: str) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED, reference="ch_77")
    Order.objects.filter(pk=payment.order_id).update(customer_email="eva@example.com")
    assert find(term) == set()


def test_all_payments_of_a_customer_are_found(shop: Client) -> None:
    both = {accepted(shop, f"key-{number}", order=f"order-{number}").pk for number in (1, 2)}
    Order.objects.update(customer_email="eva@example.com")
    assert find("eva@example.com") == both


def test_a_key_whose_record_expired_still_finds_a_payment_without_an_order(shop: Client) -> None:
    request = PayRequest(
        client_id=shop.pk,
        key="no-order-key",
        request_hash=request_hash({}),
        amount=100,
        currency="USD",
        method_type="card",
        method_token="tok_success",
        metadata={},
    )
    payment = accept(request, BECAUSE).payment
    IdempotencyRecord.objects.all().delete()
    assert find("no-order-key") == {payment.pk}


def test_a_search_takes_the_same_number_of_statements_however_much_it_finds(shop: Client) -> None:
    counts = []
    for number in range(3):
        accepted(shop, f"key-{number}", order=f"order-{number}")
        Order.objects.update(customer_email="eva@example.com")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            find("eva@example.com")
        counts.append(len(queries))
    assert counts == [9, 9, 9]
