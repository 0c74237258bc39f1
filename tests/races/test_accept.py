"""Many requests for one order at the same instant (requirements A5, A9; invariants 1, 14, 16)."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connection
from django.http import HttpResponse

from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, IdempotencyRecord, Order, Payment
from payments.services.claim import claim
from tests.payments.api.conftest import Api
from tests.payments.conftest import BECAUSE, accepted, after, sent

T = TypeVar("T")
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(times: int, act: Callable[[int], T]) -> list[T]:
    """Run `act(0)` … `act(times - 1)` in as many threads, released together, each with its own connection."""
    barrier = threading.Barrier(times)

    def one(number: int) -> T:
        try:
            barrier.wait(timeout=20)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def test_fifty_equal_requests_make_one_payment_and_get_fifty_equal_answers(api_key: str, shop: Client) -> None:
    responses: list[HttpResponse] = at_once(50, lambda _: Api(api_key).process())
    assert [response.status_code for response in responses] == [202] * 50
    answers = [response.json() for response in responses]  # type: ignore[attr-defined]
    assert len({(answer["paymentID"], answer["amountMinor"], answer["createdAt"]) for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in response for response in responses) == 1
    assert [model._default_manager.count() for model in (Order, Payment, IdempotencyRecord, AuditEntry)] == [1] * 4


def test_fifty_keys_for_one_order_make_one_payment(api_key: str, shop: Client) -> None:
    responses = at_once(50, lambda number: Api(api_key).process(idempotencyKey=f"key-{number}-of-fifty"))
    assert [response.status_code for response in responses] == [202] * 50
    assert len({response.json()["paymentID"] for response in responses}) == 1  # type: ignore[attr-defined]
    assert (Payment.objects.count(), IdempotencyRecord.objects.count()) == (1, 50)


def test_twenty_cards_for_one_order_make_one_payment_and_nineteen_conflicts(api_key: str, shop: Client) -> None:
    def pay(number: int) -> HttpResponse:
        method = {"type": "card", "token": f"tok_card_{number}"}
        return Api(api_key).process(idempotencyKey=f"key-{number}-of-twenty", paymentMethod=method)

    codes = sorted(response.status_code for response in at_once(20, pay))
    assert codes == [202] + [409] * 19
    assert Payment.objects.count() == 1


def test_one_key_with_two_amounts_makes_one_payment_and_the_other_amount_is_refused(api_key: str, shop: Client) -> None:
    responses = at_once(20, lambda number: Api(api_key).process(amount=10 + number % 2))
    assert {response.status_code for response in responses} == {202, 422}
    winner = Payment.objects.get()
    for response in responses:
        if response.status_code == 202:
            assert response.json()["amountMinor"] == winner.amount  # type: ignore[attr-defined]


def test_ten_workers_never_claim_the_same_payment(shop: Client) -> None:
    for number in range(40):
        accepted(shop, f"key-{number}", order=f"order-{number}")
    claimed = [work.payment.pk for group in at_once(10, lambda _: claim(8, BECAUSE)) for work in group]
    claimed += [work.payment.pk for work in claim(40, BECAUSE)]
    assert len(claimed) == len(set(claimed)) == 40


@pytest.mark.parametrize("round_", range(5))
def test_one_new_key_for_two_known_orders_pays_one_of_them(api_key: str, shop: Client, round_: int) -> None:
    """The orders' locks do not cover the key: it is decided by who writes it first."""
    for number in range(2):
        after(sent(shop, f"old-key-{number}", order=f"order-{number}"), Kind.DECLINED, decline_code="expired_card")

    def pay(number: int) -> HttpResponse:
        return Api(api_key).process(amount=12.50, metadata={"orderID": f"order-{number % 2}"})

    codes = [response.status_code for response in at_once(10, pay)]
    assert set(codes) == {202, 422}
    assert Payment.objects.filter(status="pending").count() == 1
