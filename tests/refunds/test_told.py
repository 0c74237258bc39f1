"""What the customer's page says about refunds that are under way, and what it costs (requirements D1, D2, F6)."""

from typing import Any

import pytest

from payments.gateways.base import Kind
from payments.models import Client, Payment
from payments.representation import status
from refunds import told as telling
from refunds.models import Refund
from refunds.services.approve import approve, reject
from tests.payments.conftest import accepted, reload
from tests.refunds.conftest import requested
from tests.refunds.rows import disputed, paid
from tests.refunds.telling import by_itself, claimed, claimed_again, sent, told
from tests.refunds.told_page import BOB, SOME_LOST, SUCCESSFUL, came_back, failed, given, on_its_way, page_of

pytestmark = pytest.mark.django_db


def unapproved(payment: Payment, amount: int = 3000, key: str = "refund-1") -> Refund:
    """Return a refund that is above the limit of who asks, and waits for a second person."""
    return requested(payment, amount, key, limits={"USD": amount - 1})


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
