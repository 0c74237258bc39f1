"""What the customer's page says about refunds that came back or failed (requirements D1, D2, F6)."""

import pytest
from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import Client, OperatorTask
from payments.services.close_task import close_task
from refunds.models import Origin, Refund
from tests.refunds.conftest import requested
from tests.refunds.rows import disputed, paid
from tests.refunds.telling import by_itself, claimed, sent, told
from tests.refunds.told_page import (
    BOB,
    SOME_LOST,
    SUCCESSFUL,
    came_back,
    closed_by_people,
    failed,
    given,
    not_given,
    on_its_way,
    page_of,
    session_of,
)

pytestmark = pytest.mark.django_db


def test_a_refund_that_came_back_is_told_in_place_of_its_success(shop: Client) -> None:
    payment = paid(shop)
    told(sent(shop, 1000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    refund = told(sent(shop, 3000, "refund-2", payment), Kind.SUCCEEDED, reference="re_2")
    assert page_of(payment) == ([given("40.00 USD")], True)
    assert by_itself(refund, Kind.DECLINED, decline_code="account_closed").state == "failed"
    assert page_of(payment) == ([given("10.00 USD"), came_back("30.00 USD")], False)


def test_a_refund_that_failed_is_told_as_not_given_yet(shop: Client) -> None:
    payment = paid(shop)
    assert failed(payment, 3000, "refund-1").state == "failed"
    assert page_of(payment) == ([SUCCESSFUL, not_given("30.00 USD")], False)


def test_of_several_that_did_not_arrive_no_sum_is_told_as_one_may_be_anothers_second_try(shop: Client) -> None:
    payment = paid(shop)
    first = told(sent(shop, 6000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    by_itself(first, Kind.DECLINED, decline_code="account_closed")
    failed(payment, 6000, "refund-2")
    failed(payment, 1000, "refund-3")
    requested(payment, 2000, "refund-4")
    assert page_of(payment) == ([SUCCESSFUL, SOME_LOST, on_its_way("20.00 USD")], False)


def test_a_refund_of_the_gateways_dashboard_that_comes_back_was_promised_by_nobody_here(shop: Client) -> None:
    payment = paid(shop)
    refund = told(sent(shop, 3000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    Refund.objects.update(origin=Origin.GATEWAY)
    by_itself(refund, Kind.DECLINED, decline_code="account_closed")
    assert page_of(payment) == ([SUCCESSFUL], True)


def test_reasons_notes_and_the_gateways_words_are_told_nowhere(shop: Client) -> None:
    payment = paid(shop)
    secret = {"reason": "fraudulent", "note": "Chargeback bandit"}
    refund = requested(payment, 3000, **secret)
    claimed()
    told(refund, Kind.DECLINED, decline_code="suspected_fraud", message="Bank says: stolen card")
    requested(payment, 500, "refund-2", **secret)
    assert page_of(payment)[0] == [SUCCESSFUL, not_given("30.00 USD"), on_its_way("5.00 USD")]
    page = Browser().get(f"/checkout/{session_of(payment).token}/status").content.decode().lower()
    assert [word for word in ("fraud", "bandit", "stolen", "suspected", "bank says", "rf_") if word in page] == []


def test_once_people_have_closed_the_question_nobody_is_said_to_see_to_it(shop: Client) -> None:
    payment = paid(shop)
    failed(payment, 3000, "refund-1")
    closed_by_people()
    assert page_of(payment) == ([SUCCESSFUL], True)
    # A question about another refund does not bring it back.
    failed(payment, 1000, "refund-2")
    assert page_of(payment) == ([SUCCESSFUL, not_given("10.00 USD")], False)


def test_a_refund_that_arrives_after_it_had_failed_is_told_as_given(shop: Client) -> None:
    refund = failed(paid(shop), 3000, "refund-1")
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert page_of(refund.payment) == ([given("30.00 USD")], True)


def test_a_failure_beside_its_replacement_is_told_until_a_person_says_that_it_is_one(shop: Client) -> None:
    payment = paid(shop)
    failed(payment, 3000, "refund-1")
    again = requested(payment, 3000, "refund-2")
    assert page_of(payment)[0] == [SUCCESSFUL, not_given("30.00 USD"), on_its_way("30.00 USD")]
    claimed()
    told(again, Kind.SUCCEEDED, reference="re_2")
    assert page_of(payment)[0] == [given("30.00 USD"), not_given("30.00 USD")]
    closed_by_people()
    assert page_of(payment) == ([given("30.00 USD")], True)


def test_a_failure_is_not_told_where_the_customer_has_all_the_money_by_another_way(shop: Client) -> None:
    payment, other = paid(shop), paid(shop, "order-2-pay", order="order-2")
    failed(payment, 6000, "refund-1")
    again = requested(payment, 6000, "refund-2")
    assert page_of(payment)[0] == [SUCCESSFUL, on_its_way("60.00 USD")]
    claimed()
    told(again, Kind.SUCCEEDED, reference="re_2")
    assert page_of(payment)[0] == [given("60.00 USD")]
    failed(other, 6000, "refund-3")
    disputed(other, 10_000, "lost")
    assert page_of(other)[0] == [SUCCESSFUL]


def test_a_failure_whose_question_had_no_room_beside_others_is_told_too(shop: Client) -> None:
    payment = paid(shop)
    for number in range(4):
        failed(payment, 1000, f"refund-{number}", message="x" * 300)
    assert OperatorTask.objects.filter(payment=None, kind="refund_failed", closed_at__isnull=True).count() == 3
    assert page_of(payment)[0] == [SUCCESSFUL, SOME_LOST]
    for task in OperatorTask.objects.exclude(payment=None):
        close_task(task_id=task.pk, operator="bob", because=BOB, resolution="Paid by bank transfer.")
    assert page_of(payment)[0] == [SUCCESSFUL, SOME_LOST]
    closed_by_people()
    assert page_of(payment)[0] == [SUCCESSFUL]
