"""What customers read: true, kind, and never a reason of fraud (requirements B5, F6)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from payments.checkout.languages import LANGUAGES
from payments.declines import DEFAULTS, NEUTRAL_CODE, NEUTRAL_WORDS, DeclineClass, decline
from payments.gateways.base import Kind
from payments.models import Client, Payment
from payments.states import UNFINISHED, PaymentStatus
from payments.words import _ACCEPTED_WORDS, _SEPARATORS, _WORDS, CHECKING, SORRY, customer_message, readable
from tests.payments.conftest import accepted, after, sent


def test_every_state_has_its_words() -> None:
    assert set(_WORDS) | {PaymentStatus.FAILED} == set(PaymentStatus)


@pytest.mark.parametrize(
    "code", [code for code, found in DEFAULTS.items() if found.decline_class == DeclineClass.FRAUD]
)
def test_a_reason_of_fraud_reads_neutral(code: str) -> None:
    assert (decline(code).code, decline(code).words) == (NEUTRAL_CODE, NEUTRAL_WORDS)
    assert not decline(code).retryable


@pytest.mark.parametrize("code", sorted(DEFAULTS))
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


ACCEPTED = "Your order is accepted."
NOT_TAKEN = "We had accepted your order, but could not take the payment for it."


def standing(status: PaymentStatus, **fields: object) -> Payment:
    """Return a payment as its row would be in `status`."""
    return Payment(status=status, amount=1250, currency="USD", **fields)


@pytest.mark.parametrize("status", [*UNFINISHED, PaymentStatus.REVIEW])
@pytest.mark.parametrize("fields", [{"level": 4}, {"queued_at": timezone.now()}])
def test_an_accepted_order_is_told_so_in_every_state_and_never_as_paid(
    status: PaymentStatus, fields: dict[str, object]
) -> None:
    said = customer_message(standing(status, **fields))
    assert said.startswith(ACCEPTED)
    assert "paid" not in said
    assert "success" not in said
    assert set(_ACCEPTED_WORDS) == {*UNFINISHED, PaymentStatus.REVIEW}


def test_an_accepted_order_whose_outcome_is_unknown_asks_not_to_pay_again() -> None:
    for status in (PaymentStatus.PROCESSING, PaymentStatus.REVIEW):
        assert customer_message(standing(status, level=4, outcome_unknown=True)) == CHECKING


def test_an_accepted_order_that_is_paid_reads_as_every_paid_one() -> None:
    paid = standing(PaymentStatus.SUCCESS, level=4, queued_at=timezone.now(), processed_at=timezone.now())
    assert customer_message(paid) == "Your payment was successful."


def test_what_was_refunded_is_said_exactly_and_what_is_not_certain_is_not() -> None:
    refunded = Payment(status="success", amount=10_000, currency="USD", refund_reserved=9000, refunded=3050)
    assert customer_message(refunded) == (
        "Your payment was successful. We have given 30.50 USD back to you; banks may take some days to show it."
    )
    requested = Payment(status="success", amount=10_000, currency="JPY", refund_reserved=5000)
    assert customer_message(requested) == "Your payment was successful."


def test_a_payment_whose_money_was_taken_back_is_not_promised_again() -> None:
    at = timezone.now() - timedelta(days=1)
    assert customer_message(standing(PaymentStatus.REVIEW, level=4, queued_at=at, processed_at=at)) == CHECKING


@pytest.mark.parametrize(
    ("level", "code", "said"),
    [
        (5, "expired_card", f"{NOT_TAKEN} Your card has expired. You were not charged. Please use a different card."),
        (5, "stolen_card", f"{NOT_TAKEN} {NEUTRAL_WORDS}"),
        (6, "no_gateway", f"{NOT_TAKEN} You were not charged."),
    ],
)
@pytest.mark.django_db
def test_an_accepted_order_whose_payment_failed_says_both(level: int, code: str, said: str) -> None:
    failed = standing(PaymentStatus.FAILED, level=level, queued_at=timezone.now(), error_code=code)
    assert customer_message(failed) == said


def test_an_accepted_order_that_took_too_long_says_both() -> None:
    late = standing(PaymentStatus.EXPIRED, level=4, queued_at=timezone.now())
    assert customer_message(late) == f"{NOT_TAKEN} You were not charged."


@pytest.mark.parametrize("code", ["no_gateway", "gateway_unavailable", "gateway_rejected", "a_code_of_tomorrow"])
def test_a_fault_of_ours_is_never_blamed_on_the_card(code: str) -> None:
    assert customer_message(standing(PaymentStatus.FAILED, level=6, error_code=code)) == SORRY
    assert "our fault, not yours and not your card's" in SORRY
    assert "You were not charged" in SORRY


@pytest.mark.django_db
def test_before_level_6_a_failure_reads_as_its_code_says() -> None:
    for level in (1, 2, 3, 5):
        failed = standing(PaymentStatus.FAILED, level=level, error_code="insufficient_funds")
        assert customer_message(failed).startswith("Your card has insufficient funds.")


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (123450, "USD", "1,234.50 USD"),
        (12500, "JPY", "12,500 JPY"),
        (1250, "KWD", "1.250 KWD"),
        (-5, "EUR", "−0.05 EUR"),
    ],
)
def test_an_amount_is_exact_and_readable(minor: int, currency: str, text: str) -> None:
    assert readable(minor, currency) == text


@pytest.mark.parametrize(
    ("minor", "currency", "language", "text"),
    [
        (123450, "EUR", "de", "1.234,50 EUR"),
        (1250, "USD", "de", "12,50 USD"),
        (12500, "JPY", "de", "12.500 JPY"),
        (1250, "KWD", "de-AT", "1,250 KWD"),
        (1_234_567_891, "KWD", "DE", "1.234.567,891 KWD"),
        (-5, "EUR", "de", "−0,05 EUR"),
        (2**53 - 1, "USD", "de", "90.071.992.547.409,91 USD"),
        (2**53 - 1, "USD", "en", "90,071,992,547,409.91 USD"),
        (1250, "KWD", "fr", "1.250 KWD"),
        (1250, "KWD", "", "1.250 KWD"),
    ],
)
def test_an_amount_is_exact_in_the_language_around_it(minor: int, currency: str, language: str, text: str) -> None:
    assert readable(minor, currency, language) == text


def test_every_language_of_messages_has_separators_of_its_own() -> None:
    assert set(_SEPARATORS) == set(LANGUAGES)
