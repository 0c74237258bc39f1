"""Counters that are not the sums of their refunds are found and told to people, and left as they are (C1, D1)."""

import pytest

from payments.models import Client, OperatorTask, Payment
from payments.services import errands
from payments.services.drift import sweep_of
from refunds.guards import REFUND_SUMS
from tests.refunds.rows import counters, paid, written

pytestmark = pytest.mark.django_db

sweep = sweep_of(REFUND_SUMS)


def test_counters_that_are_the_sums_open_nothing(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 3000)
    written(payment, 2000, state="failed")
    assert (sweep(None), OperatorTask.objects.count()) == (0, 0)


def test_counters_that_are_not_the_sums_open_one_critical_question_and_stay(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 3000)
    written(payment, 2000)
    Payment.objects.filter(pk=payment.pk).update(refund_reserved=3000)
    assert [sweep(None), sweep(None)] == [1, 1]
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id) == ("refund_mismatch", payment.pk)
    assert task.detail == (
        f"The counters of payment {payment.pk} are not the sums of refunds_refund: "
        "refund_reserved is 3000, its rows say 5000 (minor units). Nothing was changed."
    )
    assert counters(payment) == (3000, 0)


def test_a_difference_joins_the_open_question_about_the_payment(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 3000)
    OperatorTask.objects.create(payment=payment, kind="refund_mismatch", detail="Something else.")
    Payment.objects.filter(pk=payment.pk).update(refund_reserved=0)
    assert sweep(None) == 1
    assert "refund_reserved is 0, its rows say 3000" in OperatorTask.objects.get().detail


def test_only_the_payments_of_the_client_are_looked_at(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 3000)
    Payment.objects.filter(pk=payment.pk).update(refund_reserved=0)
    assert (sweep(shop.pk + 1), OperatorTask.objects.count()) == (0, 0)
    assert (sweep(shop.pk), OperatorTask.objects.count()) == (1, 1)


def test_every_sweep_compares_refunds_and_disputes() -> None:
    assert {"driftedRefunds", "driftedDisputes"} <= set(errands.sweeps())
