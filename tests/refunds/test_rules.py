"""What may be refunded, until when, and by whom alone (requirements D1, D5, D6)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, Payment
from payments.money import Money
from payments.reliability.gateways import gateway_named
from payments.states import PaymentStatus
from refunds import rules
from tests.payments.conftest import accepted, after, reload, sent
from tests.refunds.rows import disputed, paid, written

pytestmark = pytest.mark.django_db


def refusal(payment: Payment, amount: int = 1, now: datetime | None = None) -> str:
    """Return the code why `amount` cannot be refunded; empty where it can."""
    found = rules.why_not(reload(payment), amount, now or database_now())
    return "" if found is None else found.code


def told(payment: Payment) -> rules.Refusal | None:
    """Return what is said of one more minor unit."""
    return rules.why_not(reload(payment), 1, database_now())


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        *((1, ""), (6999, ""), (7000, "")),
        *(
            (7001, "amount_exceeds_refundable"),
            (10_000, "amount_exceeds_refundable"),
            (2**63, "amount_exceeds_refundable"),
        ),
        *((0, "amount_exceeds_refundable"), (-1, "amount_exceeds_refundable")),
    ],
)
def test_what_is_left_can_be_refunded_and_not_one_unit_more(shop: Client, amount: int, code: str) -> None:
    payment = paid(shop)
    written(payment, 3000)
    assert refusal(payment, amount) == code


def test_the_refusal_says_what_is_left(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 3000)
    found = rules.why_not(reload(payment), 7001, database_now())
    assert found is not None
    assert found.words == "At most 70.00 USD of 100.00 USD can still be refunded."


def test_nothing_left_has_a_code_of_its_own(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 10_000)
    assert refusal(payment, 1) == refusal(payment, 10_000) == "fully_refunded"
    words = "Everything that was captured is refunded or being refunded."
    assert told(payment) == rules.Refusal("fully_refunded", words)


def test_a_refund_that_failed_makes_room(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 10_000, state="failed")
    assert refusal(payment, 10_000) == ""


def test_an_open_dispute_blocks_every_refund(shop: Client) -> None:
    payment = paid(shop)
    dispute = disputed(payment, 100)
    assert refusal(payment, 1) == "payment_disputed"
    dispute.win(now=database_now())
    dispute.save()
    assert (refusal(payment, 10_000), refusal(payment, 10_001)) == ("", "amount_exceeds_refundable")


def test_a_lost_dispute_takes_its_amount_for_ever(shop: Client) -> None:
    payment = paid(shop)
    disputed(payment, 4000, "lost")
    assert (refusal(payment, 6000), refusal(payment, 6001)) == ("", "amount_exceeds_refundable")
    written(payment, 6000)
    assert told(payment) == rules.Refusal(
        "nothing_left",
        "Nothing is left to refund: of 100.00 USD, 40.00 USD went back by a dispute that was lost, and 60.00 USD is "
        "refunded or being refunded.",
    )


def test_a_wholly_lost_payment_has_nothing_to_refund_and_is_not_called_refunded(shop: Client) -> None:
    payment = paid(shop)
    disputed(payment, 10_000, "lost")
    assert told(payment) == rules.Refusal(
        "nothing_left", "Nothing is left to refund: of 100.00 USD, 100.00 USD went back by a dispute that was lost."
    )


@pytest.mark.parametrize("status", [status for status in PaymentStatus.values if status != "success"])
def test_what_was_not_captured_cannot_be_refunded(shop: Client, status: str) -> None:
    payment = accepted(shop)
    payment.__dict__["status"] = status
    found = rules.why_not(payment, 1, database_now())
    assert found is not None
    assert found.code == "payment_not_captured"


def test_a_payment_of_unknown_outcome_is_found_out_first(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert refusal(payment) == "payment_outcome_unknown"


@pytest.mark.parametrize(
    ("captured", "last"),
    [
        # 180 days later; a leap year's February has one day more.
        (datetime(2025, 1, 1, 0, 0, tzinfo=UTC), datetime(2025, 6, 30, tzinfo=UTC)),
        (datetime(2025, 1, 1, 23, 59, 59, tzinfo=UTC), datetime(2025, 6, 30, tzinfo=UTC)),
        (datetime(2024, 1, 1, 12, 0, tzinfo=UTC), datetime(2024, 6, 29, tzinfo=UTC)),
        (datetime(2025, 12, 31, 12, 0, tzinfo=UTC), datetime(2026, 6, 29, tzinfo=UTC)),
    ],
)
def test_the_window_includes_its_last_day_to_the_last_instant(shop: Client, captured: datetime, last: datetime) -> None:
    payment = paid(shop)
    Payment.objects.update(processed_at=captured)
    end = last + timedelta(days=1)
    assert refusal(payment, 1, end - timedelta(microseconds=1)) == ""
    assert refusal(payment, 1, end) == "refund_window_over"


def test_a_capture_in_another_time_zone_counts_by_its_day_in_utc(shop: Client) -> None:
    """23:30 in New York on 1 January is the 2nd in UTC."""
    payment = paid(shop)
    moment = datetime(2025, 1, 1, 23, 30, tzinfo=UTC) + timedelta(hours=5)
    Payment.objects.update(processed_at=moment)
    assert refusal(payment, 1, datetime(2025, 7, 1, 23, 59, tzinfo=UTC)) == ""
    assert refusal(payment, 1, datetime(2025, 7, 2, tzinfo=UTC)) == "refund_window_over"


def test_a_gateway_no_longer_in_the_settings_takes_no_refunds_from_here(shop: Client, settings: Any) -> None:
    payment = paid(shop)
    settings.GATEWAYS = [gateway for gateway in settings.GATEWAYS if gateway["name"] != "primary"]
    gateway_named.cache_clear()
    assert refusal(payment) == "gateway_cannot_refund"
    gateway_named.cache_clear()


@pytest.mark.parametrize(
    ("money", "needed"),
    [
        *((Money(10_000, "USD"), False), (Money(10_001, "USD"), True), (Money(1, "USD"), False)),
        *((Money(1, "EUR"), True), (Money(0, "JPY"), False), (Money(1, "JPY"), True)),
    ],
)
def test_a_second_person_approves_what_is_above_the_limit(money: Money, needed: bool) -> None:
    """The limit itself is within; a currency without a limit has none."""
    assert rules.needs_approval(money, {"USD": 10_000, "JPY": 0}) is needed


@pytest.mark.parametrize(("before", "needed"), [(0, False), (7000, False), (7001, True), (10_000, True)])
def test_what_was_refunded_alone_before_counts_against_the_limit(before: int, needed: bool) -> None:
    assert rules.needs_approval(Money(3000, "USD"), {"USD": 10_000}, before) is needed


@pytest.mark.parametrize(("reserved", "lost", "code"), [(6000, 4000, None), (6000, 4001, "amount_exceeds_refundable")])
def test_what_is_reserved_goes_out_beside_a_lost_dispute_as_long_as_both_fit(
    shop: Client, reserved: int, lost: int, code: str | None
) -> None:
    payment = paid(shop)
    written(payment, reserved)
    disputed(payment, lost, "lost")
    found = rules.why_not_send(reload(payment), database_now())
    assert (found and found.code) == code


def test_a_request_for_approval_lapses_after_so_many_hours() -> None:
    now = datetime(2025, 3, 30, 1, 0, tzinfo=UTC)
    assert rules.lapses_at(now, 72) == datetime(2025, 4, 2, 1, 0, tzinfo=UTC)
