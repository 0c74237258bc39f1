"""The task that the gateway refused our request for a refund is closed once the refund arrives (G4)."""

import pytest

from payments.gateways.base import Kind
from payments.models import Client, OperatorTask
from refunds.models import Refund
from tests.refunds.rows import counters, paid
from tests.refunds.telling import asked, by_itself, sent, told

pytestmark = pytest.mark.django_db


def refused(shop: Client, key: str = "refund-1", refund: Refund | None = None) -> Refund:
    """Return a refund of 10.00 USD that failed as the gateway refused our request, of which people were told."""
    payment = paid(shop) if refund is None else refund.payment
    return told(sent(shop, 1000, key, payment), Kind.REJECTED, "http_401", alert=True)


def test_a_late_success_closes_the_task_that_the_gateway_refused_the_refund(shop: Client) -> None:
    refund = refused(shop)
    assert (refund.error_code, asked(refund)) == ("gateway_rejected", ["refund_failed", "rejected"])
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    task = OperatorTask.objects.get(kind="rejected")
    assert (asked(refund), counters(refund.payment)) == ([], (1000, 1000))
    assert (task.closed_by, task.resolution) == ("paysite", "The customer got the money by the refund itself.")


def test_a_task_about_two_refused_refunds_is_closed_when_the_last_of_them_arrives(shop: Client) -> None:
    first = refused(shop)
    second = refused(shop, "refund-2", first)
    by_itself(first, Kind.SUCCEEDED, reference="re_1")
    assert asked(first) == ["refund_failed", "rejected"]
    by_itself(second, Kind.SUCCEEDED, reference="re_2")
    assert (asked(first), counters(first.payment)) == ([], (2000, 2000))


@pytest.mark.parametrize("words", ["The charge was refused. Another: {}", "{} Another: The charge was refused."])
def test_a_task_that_is_about_a_charge_too_stays_open(shop: Client, words: str) -> None:
    refund = refused(shop)
    task = OperatorTask.objects.get(kind="rejected")
    OperatorTask.objects.filter(pk=task.pk).update(detail=words.format(task.detail))
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert asked(refund) == ["rejected"]


def test_a_refused_refund_with_a_task_of_its_own_closes_it(shop: Client) -> None:
    refund = refused(shop)
    OperatorTask.objects.filter(kind="rejected").update(payment=None, subject=f"refund {refund.pk}")
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert OperatorTask.objects.get(kind="rejected").closed_by == "paysite"
