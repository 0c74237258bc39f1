"""Many who try a payment again at once, and others who want something of it, charge it once (A3, A7)."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Attempt, Client, Payment
from payments.services.apply import Heard, apply
from payments.services.claim import claim
from payments.services.retry_payment import CannotRetryError, retry
from payments.services.settle import apply_all
from payments.states import LIVE_OR_SUCCESSFUL
from tests.payments.conftest import BECAUSE, after, heard, reload, sent
from tests.payments.services.conftest import Gateways
from tests.payments.services.retrying import NEW_CARD, failed

pytestmark = pytest.mark.django_db(transaction=True)


def test_many_who_ask_at_once_get_one_version(shop: Client) -> None:
    first = failed(shop)
    found = at_once(8, lambda: retry(first.pk, BECAUSE, method=NEW_CARD).pk)
    assert len(set(found)) == 1
    assert Payment.objects.count() == 2


def test_many_who_ask_with_different_cards_get_one_version(shop: Client) -> None:
    first = failed(shop)

    def ask() -> str:
        try:
            return retry(first.pk, BECAUSE, method=("card", f"tok_visa_{random.randrange(10**9)}")).pk
        except CannotRetryError as error:
            return f"{error.code} {error.payment_id}"

    found = at_once(6, ask)
    second = Payment.objects.get(retry_of=first.pk)
    assert sorted(found) == sorted([second.pk, *[f"superseded {second.pk}"] * 5])


def test_a_claim_and_a_retry_at_once_leave_one_payment_under_way(shop: Client, gateways: Gateways) -> None:
    """Either the claim comes first and the retry is refused, or the retry and the claim finds nothing."""
    for number in range(6):
        first = after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.DECLINED, decline_code="velocity")
        Payment.objects.filter(pk=first.pk).update(due_at=Now() - timedelta(seconds=1))

        def ask(payment_id: str = first.pk) -> str:
            try:
                return retry(payment_id, BECAUSE, method=NEW_CARD).pk
            except CannotRetryError as error:
                return error.code

        at_once(2, ask, lambda: str(len(claim(10, BECAUSE))))
        live = Payment.objects.filter(order_id=first.order_id, status__in=LIVE_OR_SUCCESSFUL)
        assert live.count() == 1
        assert Attempt.objects.filter(payment__order_id=first.order_id, state="sent").count() <= 1


def test_a_late_success_and_a_retry_at_once_charge_the_order_once(shop: Client) -> None:
    for number in range(6):
        attempt = sent(shop, f"key-{number}", order=f"order-{number}")
        first = after(attempt, Kind.DECLINED, decline_code="expired_card")
        news = heard(attempt, Kind.SUCCEEDED, reference=f"ch_late_{number}")

        def ask(payment_id: str = first.pk) -> str:
            try:
                return retry(payment_id, BECAUSE, method=NEW_CARD).pk
            except CannotRetryError as error:
                return error.code

        def hear(late: Heard = news) -> str:
            apply([late])
            return ""

        answers = at_once(2, ask, hear)
        live = Payment.objects.filter(order_id=first.order_id, status__in=LIVE_OR_SUCCESSFUL).get()
        paid = reload(first).status == "success"
        assert paid is (live.pk == first.pk)
        assert paid is ("already_paid" in answers)
        assert first.surplus_charges.count() == (0 if paid else 1)


def test_money_for_an_older_payment_of_the_order_and_a_retry_at_once_charge_it_once(shop: Client) -> None:
    for number in range(6):
        oldest = sent(shop, f"key-{number}", order=f"order-{number}")
        after(oldest, Kind.DECLINED, decline_code="expired_card")
        newer = sent(shop, f"other-{number}", order=f"order-{number}", token="tok_visa_2")
        failed_ = after(newer, Kind.DECLINED, decline_code="expired_card")
        news = heard(oldest, Kind.SUCCEEDED, reference=f"ch_late_{number}")

        def ask(payment_id: str = failed_.pk) -> str:
            try:
                return retry(payment_id, BECAUSE, method=NEW_CARD).pk
            except CannotRetryError as error:
                return error.code

        def hear(late: Heard = news) -> str:
            apply_all([late])
            return ""

        at_once(2, ask, hear)
        live = Payment.objects.filter(order_id=failed_.order_id, status__in=LIVE_OR_SUCCESSFUL)
        assert live.count() == 1


def at_once(times: int, *acts: Any) -> list[str]:
    """Run each of `acts` in turn in `times` threads with their own connections."""

    def one(number: int) -> str:
        try:
            return str(acts[number % len(acts)]())
        finally:
            connection.close()

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
