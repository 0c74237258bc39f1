"""What the customer's page says about refunds that are not done, or did not arrive (requirements D1, D2, F6)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, OperatorTask, Payment
from payments.representation import status
from payments.services.close_task import close_task
from refunds import told as telling
from refunds.models import Origin, Refund
from refunds.services.approve import approve, reject
from tests.payments.conftest import accepted, reload
from tests.refunds.conftest import requested
from tests.refunds.rows import disputed, paid
from tests.refunds.telling import by_itself, claimed, claimed_again, sent, told

pytestmark = pytest.mark.django_db

SUCCESSFUL = "Your payment was successful."
BOB = Because("operator:bob", "request:bob")


def given(amount: str) -> str:
    return f"{SUCCESSFUL} We have given {amount} back to you; banks may take some days to show it."


def on_its_way(amount: str) -> str:
    return (
        f"We are giving {amount} back to you. This is under way and not done yet; you need not do anything. "
        "Once it is done, banks may take some days to show it."
    )


def came_back(amount: str) -> str:
    return (
        f"We had given {amount} back to you, but your bank returned it to us. "
        "Our team is seeing to it; you need not do anything."
    )


def not_given(amount: str) -> str:
    return f"We could not give {amount} back to you yet. Our team is seeing to it; you need not do anything."


SOME_LOST = (
    "Some of the money that we wanted to give back to you has not reached you yet. "
    "Our team is seeing to it; you need not do anything."
)


def session_of(payment: Payment) -> CheckoutSession:
    session, _ = CheckoutSession.objects.get_or_create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="https://shop.test/thanks",
        defaults={"expires_at": database_now() + timedelta(hours=48)},
    )
    return session


def page_of(payment: Payment) -> tuple[list[str], bool]:
    """Return the sentences of the customer's page, and whether it is at its end; its poll tells the same."""
    path, browser = f"/checkout/{session_of(payment).token}/status", Browser()
    reply = browser.get(path)
    assert reply.status_code == 200
    page = reply.content.decode()
    said = re.search(r"</h1>(.*?)<dl", page, re.DOTALL)
    tag = re.search(r'data-tag="(\w+)" data-final="(true|false)"', page)
    assert said is not None
    assert tag is not None
    is_final = tag[2] == "true"
    assert browser.get(f"{path}.json").json() == {"tag": tag[1], "final": is_final}
    return re.findall("<p>(.*?)</p>", said[1]), is_final


def unapproved(payment: Payment, amount: int = 3000, key: str = "refund-1") -> Refund:
    """Return a refund that is above the limit of who asks, and waits for a second person."""
    return requested(payment, amount, key, limits={"USD": amount - 1})


def failed(payment: Payment, amount: int, key: str, **more: Any) -> Refund:
    return told(sent(payment.client, amount, key, payment), Kind.DECLINED, decline_code="refused", **more)


def closed_by_people() -> None:
    for task in OperatorTask.objects.filter(closed_at__isnull=True):
        close_task(task_id=task.pk, operator="bob", because=BOB, resolution="Paid by bank transfer.")


def test_a_refund_is_under_way_from_its_request_until_it_is_done(shop: Client) -> None:
    payment = paid(shop)
    assert page_of(payment) == ([SUCCESSFUL], True)
    refund = requested(payment, 3000)
    under_way = ([SUCCESSFUL, on_its_way("30.00 USD")], False)
    assert (refund.state, page_of(payment)) == ("requested", under_way)
    claimed()
    assert page_of(payment) == under_way
    assert (told(refund, Kind.PENDING, reference="re_1").state, page_of(payment)) == ("processing", under_way)
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert page_of(payment) == ([given("30.00 USD")], True)


def test_a_refund_whose_outcome_is_unknown_is_told_as_under_way_and_not_as_done(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert refund.state == "unknown"
    assert page_of(refund.payment) == ([SUCCESSFUL, on_its_way("30.00 USD")], False)


def test_several_under_way_are_one_sentence_beside_what_is_back(shop: Client) -> None:
    payment = paid(shop, amount=500_000)
    told(sent(shop, 1000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    told(sent(shop, 2000, "refund-2", payment), Kind.UNKNOWN)
    told(sent(shop, 3050, "refund-3", payment), Kind.PENDING, reference="re_3")
    requested(payment, 120_000, "refund-4")
    assert page_of(payment) == ([given("10.00 USD"), on_its_way("another 1,250.50 USD")], False)


@pytest.mark.parametrize(
    ("currency", "amount", "text"), [("JPY", 1250, "1,250 JPY"), ("KWD", 1250, "1.250 KWD"), ("EUR", 5, "0.05 EUR")]
)
def test_the_amount_is_exact_in_every_currency(shop: Client, currency: str, amount: int, text: str) -> None:
    payment = paid(shop, currency=currency)
    refund = requested(payment, amount)
    assert page_of(payment)[0] == [SUCCESSFUL, on_its_way(text)]
    claimed()
    told(refund, Kind.SUCCEEDED, reference="re_1")
    assert page_of(payment)[0] == [given(text)]
    by_itself(refund, Kind.DECLINED, decline_code="account_closed")
    assert page_of(payment)[0] == [SUCCESSFUL, came_back(text)]


def test_a_refund_is_told_once_it_is_approved_and_not_before(shop: Client) -> None:
    payment = paid(shop)
    refund = unapproved(payment)
    # The page looks again, as somebody may approve it.
    assert (refund.state, page_of(payment)) == ("awaiting_approval", ([SUCCESSFUL], False))
    approve(refund.pk, BOB, seen=refund.parameters_hash)
    assert page_of(payment) == ([SUCCESSFUL, on_its_way("30.00 USD")], False)


def test_a_refund_that_awaits_approval_is_not_counted_with_those_under_way(shop: Client) -> None:
    payment = paid(shop)
    unapproved(payment)
    requested(payment, 500, "refund-2")
    assert page_of(payment) == ([SUCCESSFUL, on_its_way("5.00 USD")], False)


def test_a_refund_that_was_rejected_called_off_or_has_lapsed_is_not_told(shop: Client) -> None:
    payment = paid(shop)
    refunds = [unapproved(payment), requested(payment, 500, "refund-2"), unapproved(payment, 700, "refund-3")]
    for refund in refunds[:2]:
        reject(refund.pk, BOB, "The goods were never sent back.")
    claimed_again(refunds[2])
    assert set(Refund.objects.values_list("state", flat=True)) == {"rejected"}
    assert page_of(payment) == ([SUCCESSFUL], True)


def test_a_refund_that_a_dispute_stopped_before_it_was_sent_is_not_told(shop: Client) -> None:
    payment = paid(shop)
    refund = requested(payment, 3000)
    disputed(payment, 10_000)
    assert claimed() == []
    assert (Refund.objects.get(pk=refund.pk).state, page_of(payment)) == ("rejected", ([SUCCESSFUL], True))


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


def test_refunds_of_another_payment_are_not_told(shop: Client) -> None:
    payment, other = paid(shop), paid(shop, "order-2-pay", order="order-2")
    failed(other, 3000, "refund-1")
    requested(other, 500, "refund-2")
    assert page_of(payment) == ([SUCCESSFUL], True)


def test_nothing_is_asked_of_the_database_before_something_happened_to_the_captured_payment(
    shop: Client, django_assert_num_queries: Any
) -> None:
    untouched, open_one = paid(shop), accepted(shop, "order-2-pay", order="order-2")
    with django_assert_num_queries(0):
        assert telling.sentences_about(untouched) == telling.sentences_about(open_one) == ()


def test_telling_costs_one_statement_however_many_refunds_there_are(
    shop: Client, django_assert_num_queries: Any
) -> None:
    payment = paid(shop)
    for number in range(3):
        failed(payment, 1000, f"failed-{number}")
    for sentences in ((SOME_LOST,), (SOME_LOST, on_its_way("30.00 USD"))):
        now = reload(payment)
        with django_assert_num_queries(1):
            assert telling.sentences_about(now) == sentences
        for number in range(3):
            requested(payment, 1000, f"refund-{number}")


def test_the_apis_message_tells_what_is_back_for_certain_and_costs_no_statement(
    shop: Client, django_assert_num_queries: Any
) -> None:
    payment = paid(shop)
    told(sent(shop, 1000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    requested(payment, 3000, "refund-2")
    payment = reload(payment)
    with django_assert_num_queries(0):
        assert status(payment)["customerMessage"] == given("10.00 USD")
