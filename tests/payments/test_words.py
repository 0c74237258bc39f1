"""What customers read: true, kind, and never a reason of fraud (requirements B5, F6)."""

import pytest

from payments.declines import DECLINES, NEUTRAL_CODE, NEUTRAL_WORDS, DeclineClass, decline
from payments.gateways.base import Kind
from payments.models import Client
from payments.states import PaymentStatus
from payments.words import _WORDS, CHECKING, customer_message
from tests.payments.conftest import accepted, after, sent


def test_every_state_has_its_words() -> None:
    assert set(_WORDS) | {PaymentStatus.FAILED} == set(PaymentStatus)


@pytest.mark.parametrize(
    "code", [code for code, found in DECLINES.items() if found.decline_class == DeclineClass.FRAUD]
)
def test_a_reason_of_fraud_reads_neutral(code: str) -> None:
    assert (decline(code).code, decline(code).words) == (NEUTRAL_CODE, NEUTRAL_WORDS)
    assert not decline(code).retryable


@pytest.mark.parametrize("code", sorted(DECLINES))
def test_a_decline_says_that_nothing_was_charged_or_to_use_another_card(code: str) -> None:
    assert "not charged" in decline(code).words or decline(code).words == NEUTRAL_WORDS


def test_a_code_nobody_mapped_counts_as_hard_and_reads_neutral() -> None:
    found = decline("a_code_of_tomorrow")
    assert (found.decline_class, found.code, found.words) == (DeclineClass.HARD, NEUTRAL_CODE, NEUTRAL_WORDS)
    assert (found.retryable, found.needs_another_card) == (False, True)


@pytest.mark.django_db
def test_an_unknown_outcome_asks_not_to_pay_again(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert customer_message(payment) == CHECKING
    assert "do not pay again" in CHECKING


@pytest.mark.django_db
def test_a_decline_reads_as_its_code_says(shop: Client) -> None:
    payment = after(sent(shop), Kind.DECLINED, decline_code="expired_card")
    assert customer_message(payment) == ("Your card has expired. You were not charged. Please use a different card.")


@pytest.mark.django_db
def test_an_accepted_payment_reads_as_being_processed(shop: Client) -> None:
    assert customer_message(accepted(shop)) == (
        "Your payment is being processed. Please do not refresh or click again."
    )
