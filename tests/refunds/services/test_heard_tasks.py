"""What people are asked about a refund after news of it, and what closes the question (requirements D1, D2)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Client, OperatorTask
from refunds.models import Refund, RefundAttempt
from tests.refunds.rows import counters, disputed, paid, written
from tests.refunds.telling import asked, booked, by_itself, claimed_again, sent, states, told
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db


def test_a_refund_that_goes_out_over_an_open_dispute_is_a_double_loss(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000)
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == ["double_loss"]
    assert counters(refund.payment) == (3000, 3000)


def test_a_refund_that_goes_out_after_the_dispute_was_lost_is_a_double_loss(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000, "lost")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == ["double_loss"]


def test_a_refund_beside_a_lost_dispute_of_the_rest_is_no_double_loss(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 7000, "lost")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == []


def test_a_refund_that_is_never_taken_is_told_to_people_in_the_end(shop: Client) -> None:
    """Each time proven absent, each time sent anew: the machine goes on, and somebody knows."""
    refund = sent(shop)
    for _ in range(10):
        told(refund, Kind.UNKNOWN, "read_timeout")
        advance(60)
        told(refund, Kind.NOT_FOUND, looked=True)
        advance(1200)
        told(refund, Kind.NOT_FOUND, looked=True)
        claimed_again(refund)
    assert states(refund) == ["processing", *["not_found"] * 10, "sent"]
    assert asked(refund) == ["refund_failed"]
    assert counters(refund.payment) == (3000, 0)


def test_a_second_refund_at_the_gateway_under_one_key_is_a_question_to_people(shop: Client) -> None:
    refund = told(sent(shop), Kind.SUCCEEDED, reference="re_1")
    told(refund, Kind.SUCCEEDED, reference="re_2", looked=True)
    assert asked(refund) == ["refund_mismatch"]
    assert (Refund.objects.get().gateway_reference, len(booked(refund))) == ("re_1", 1)


def test_questions_are_closed_when_the_gateway_answers(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    advance(25 * 3600)
    told(refund, Kind.UNKNOWN, "read_timeout", looked=True)
    assert (states(refund), asked(refund)) == (["unknown", "unresolved"], ["refund_unknown"])
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    closed = OperatorTask.objects.get(kind="refund_unknown")
    assert (closed.closed_by, asked(refund)) == ("paysite", [])


@pytest.mark.parametrize("kind", [Kind.SUCCEEDED, Kind.PENDING, Kind.DECLINED])
def test_what_is_told_under_the_reference_of_another_refund_proves_nothing(shop: Client, kind: Kind) -> None:
    payment = paid(shop)
    first = told(sent(shop, 1000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    second = told(sent(shop, 3000, "refund-2", payment), kind, reference="re_1")
    assert (states(second), second.gateway_reference) == (["unknown", "unknown"], "")
    assert second.due_at is not None
    assert (asked(second), counters(payment)) == (["refund_mismatch"], (4000, 1000))
    assert (booked(second), states(first)) == ([], ["succeeded", "succeeded"])
    # Once however often it is told; and what the gateway says of its own then settles it.
    told(second, kind, reference="re_1", looked=True)
    assert OperatorTask.objects.get(kind="refund_mismatch").detail.count(second.pk) == 1
    told(second, Kind.SUCCEEDED, reference="re_2", looked=True)
    assert (states(second), counters(payment)) == (["succeeded", "succeeded"], (4000, 4000))


@pytest.mark.parametrize(("kind", "before", "days"), [(Kind.NOT_FOUND, 0.9, 1.1), (Kind.PENDING, 6.9, 7.1)])
def test_an_external_refund_that_is_not_done_for_long_is_a_persons_business(
    shop: Client, kind: Kind, before: float, days: float
) -> None:
    payment = paid(shop)
    refund = written(payment, 2500, state="processing", origin="gateway", gateway_reference="re_9")
    Refund.objects.update(created_at=Now() - timedelta(days=before))
    by_itself(refund, kind)
    assert asked(refund) == []
    Refund.objects.update(created_at=Now() - timedelta(days=days))
    for _ in range(2):
        row = by_itself(refund, kind)
    assert (row.state, asked(refund), counters(payment)) == ("processing", ["refund_unknown"], (2500, 0))
    assert OperatorTask.objects.get().detail.count(refund.pk) == 1
    assert row.due_at is not None
    # The end of another refund answers nothing about this one; its own does.
    other = told(sent(shop, 1000, "refund-2", payment), Kind.UNKNOWN, "read_timeout")
    RefundAttempt.objects.update(sent_at=Now() - timedelta(days=2))
    told(other, Kind.UNKNOWN, "read_timeout", looked=True)
    told(other, Kind.SUCCEEDED, reference="re_2", looked=True)
    assert asked(refund) == ["refund_unknown"]
    by_itself(refund, Kind.SUCCEEDED, reference="re_9")
    assert (asked(refund), counters(payment)) == ([], (3500, 3500))


def test_after_ten_tries_people_read_that_it_goes_on_and_that_nothing_is_paid_by_hand(shop: Client) -> None:
    refund = sent(shop)
    for _ in range(9):
        told(refund, Kind.NOT_SENT, "maintenance")
        claimed_again(refund)
    assert asked(refund) == []
    told(refund, Kind.NOT_SENT, "maintenance")
    task = OperatorTask.objects.get()
    assert (task.kind, states(refund)[0]) == ("refund_failed", "processing")
    assert "It goes on by itself: pay nothing by hand" in task.detail
    claimed_again(refund)
    told(refund, Kind.SUCCEEDED, reference="re_1")
    closed = OperatorTask.objects.get()
    assert (asked(refund), closed.closed_by) == ([], "paysite")
    assert closed.resolution == "The customer got the money by the refund itself."


def test_a_late_success_closes_the_task_that_it_had_failed(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="insufficient_balance")
    assert asked(refund) == ["refund_failed"]
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert asked(refund) == []


def test_a_task_about_two_refunds_is_closed_when_the_last_of_them_arrives(shop: Client) -> None:
    payment = paid(shop)
    first, second = (
        told(sent(shop, 1000, key, payment), Kind.DECLINED, decline_code="insufficient_balance")
        for key in ("refund-1", "refund-2")
    )
    told(sent(shop, 1000, "refund-3", payment), Kind.SUCCEEDED, reference="re_3")
    by_itself(first, Kind.SUCCEEDED, reference="re_1")
    assert asked(first) == ["refund_failed"]
    by_itself(second, Kind.SUCCEEDED, reference="re_2")
    assert (asked(first), counters(payment)) == ([], (3000, 3000))


def test_a_refund_that_comes_back_after_its_task_was_closed_is_asked_about_anew(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="account_closed")
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    told(refund, Kind.DECLINED, decline_code="account_closed", looked=True)
    assert (states(refund), counters(refund.payment)) == (["failed", "bounced"], (0, 0))
    assert asked(refund) == ["refund_failed"]
    task = OperatorTask.objects.get(closed_at=None)
    assert "It had gone out, and came back." in task.detail
