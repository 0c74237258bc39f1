"""Complaints at once never give more than the policy allows (requirement D4).

Only PostgreSQL has row locks; on SQLite the same must come out of its one writer.
"""

from typing import Any

import pytest
from django.db import connection

from payments.models import Client
from refunds.models import Complaint, Refund
from refunds.services.request import KeyReusedError
from tests.payments.conftest import reload
from tests.races.test_accept import at_once
from tests.refunds.services.complaining import answer, bought, spent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("complaint_policy")]


def test_ten_complaints_at_once_do_not_overdraw_the_budget(shop: Client, settings: Any) -> None:
    settings.PROACTIVE_BUDGETS = {"USD": 9000}
    payments = [bought(shop, f"order-{number}", f"cust-{number}") for number in range(10)]
    found = at_once(10, lambda number: answer(shop, f"order-{number}", f"complaint-{number}").complaint.decision)
    assert sorted(found) == ["refunded"] * 3 + ["review"] * 7, connection.vendor
    assert (spent(), sum(reload(payment).refund_reserved for payment in payments)) == (9000, 9000)


def test_ten_complaints_of_one_customer_at_once_are_refunded_once(shop: Client) -> None:
    for number in range(10):
        bought(shop, f"order-{number}")
    found = at_once(10, lambda number: answer(shop, f"order-{number}", f"complaint-{number}").complaint.decision)
    assert sorted(found) == ["refunded"] + ["review"] * 9
    assert (Refund.objects.count(), spent()) == (1, 3000)


def test_ten_equal_complaints_at_once_are_one(shop: Client) -> None:
    bought(shop)
    found = at_once(10, lambda _: answer(shop))
    assert sum(not each.replayed for each in found) == 1
    assert (len({each.complaint.pk for each in found}), Refund.objects.count(), spent()) == (1, 1, 3000)


def test_one_key_for_ten_orders_at_once_is_one_complaint(shop: Client) -> None:
    for number in range(10):
        bought(shop, f"order-{number}", f"cust-{number}")

    def one(number: int) -> str:
        try:
            return answer(shop, f"order-{number}").complaint.decision
        except KeyReusedError:
            return "reused"

    assert sorted(at_once(10, one)) == ["refunded"] + ["reused"] * 9
    assert (Complaint.objects.count(), Refund.objects.count(), spent()) == (1, 1, 3000)
