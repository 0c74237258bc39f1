"""Why a payment cannot be tried again, and that nothing moves then (requirements A3, A7)."""

import pytest

from payments.gateways.base import Kind
from payments.models import Attempt, Client, Payment
from payments.services.claim import claim
from payments.services.retry_payment import CannotRetryError, retry
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent
from tests.payments.services.retrying import NEW_CARD, everything, failed

pytestmark = pytest.mark.django_db(transaction=True)


def refusal(payment: Payment, method: tuple[str, str] | None = None) -> tuple[str, str]:
    """Return why the payment cannot be tried again, having looked that nothing moved."""
    before = everything()
    with pytest.raises(CannotRetryError) as refused:
        retry(payment.pk, BECAUSE, method=method)
    assert everything() == before
    return refused.value.code, refused.value.payment_id


def test_a_paid_payment_is_not_charged_again(shop: Client) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("already_paid", "")


@pytest.mark.parametrize("kind", [None, Kind.UNKNOWN])
def test_a_charge_under_way_is_waited_for(shop: Client, kind: Kind | None) -> None:
    attempt = sent(shop)
    payment = after(attempt, kind, "read_timeout") if kind else reload(attempt.payment)
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("outcome_open", "")


def test_a_challenge_is_waited_for(shop: Client) -> None:
    payment = after(sent(shop), Kind.ACTION_REQUIRED, reference="ch_1", action_url="https://bank.test/1")
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("waiting_for_customer", "")


def test_a_payment_in_review_is_a_persons(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    Payment.objects.update(status="review")
    assert refusal(payment) == refusal(payment, NEW_CARD) == ("in_review", "")


@pytest.mark.parametrize("code", ["expired_card", "stolen_card", "nobody_mapped_this"])
def test_a_card_that_was_declined_for_good_is_refused(shop: Client, code: str) -> None:
    payment = failed(shop, code)
    assert payment.status == "failed"
    assert refusal(payment) == ("needs_another_card", "")
    assert refusal(payment, (payment.method_type, payment.method_token)) == ("needs_another_card", "")


def test_a_card_that_the_network_forbids_is_refused(shop: Client) -> None:
    payment = after(sent(shop), Kind.DECLINED, decline_code="do_not_honor", never_again=True)
    assert refusal(payment) == ("network_limit", "")


def test_a_card_at_its_limit_is_refused(shop: Client) -> None:
    for number in range(20):
        failed(shop, key=f"key-{number}", order=f"order-{number}")
    Attempt.objects.update(card_fingerprint="fp_one", card_brand="visa")
    attempt = sent(shop, "last", order="last")
    payment = after(attempt, Kind.DECLINED, decline_code="velocity", card_brand="visa", card_fingerprint="fp_one")
    assert refusal(payment) == ("network_limit", "")
    assert retry(payment.pk, BECAUSE, method=NEW_CARD).version == 2


def test_a_declined_card_does_not_come_back_by_way_of_another(shop: Client) -> None:
    """Card A is declined for good, card B fails, card A again: still not."""
    first = failed(shop, "stolen_card")
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=second), Kind.DECLINED, decline_code="3ds_failed")
    assert refusal(second, (first.method_type, first.method_token)) == ("needs_another_card", "")


def test_a_waiting_payment_is_not_given_a_card_that_was_declined_for_good(shop: Client) -> None:
    first = failed(shop, "stolen_card")
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=second), Kind.DECLINED, decline_code="velocity")
    assert reload(second).status == "retrying"
    assert refusal(second, (first.method_type, first.method_token)) == ("needs_another_card", "")


def test_another_live_payment_of_the_order_stands_in_the_way(shop: Client) -> None:
    first = failed(shop)
    other = accepted(shop, "another-key", token="tok_visa_1")
    assert refusal(first, NEW_CARD) == ("order_has_live_payment", other.pk)
    claim(10, BECAUSE)
    after(Attempt.objects.get(payment=other), Kind.SUCCEEDED, reference="ch_1")
    assert refusal(first, NEW_CARD) == ("already_paid", other.pk)


def test_a_third_card_is_refused_where_the_payment_was_replaced(shop: Client) -> None:
    first = failed(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    assert refusal(first, ("card", "tok_visa_1111")) == ("superseded", second.pk)


def test_an_unknown_payment_is_said_to_be_unknown(shop: Client) -> None:
    with pytest.raises(Payment.DoesNotExist):
        retry("pay_00000000000000000000000000", BECAUSE)
