"""How much of a payment can still be refunded, and its standing (requirements D1, D5; issue: money)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payments.clock import database_now
from payments.models import Client, Payment
from payments.reliability import refundable
from payments.reliability.gateways import capabilities_of
from payments.reliability.refundable import Standing, last_day, remaining, standing
from tests.payments.conftest import accepted, reload
from tests.refunds.rows import disputed, paid, written

pytestmark = pytest.mark.django_db


def figures(payment: Payment) -> tuple[int, int, str]:
    """Return what is left, what can be refunded now, and the standing."""
    row = reload(payment)
    return remaining(row), refundable.refundable(row, database_now()), str(standing(row))


def test_of_a_paid_payment_everything_can_be_refunded(shop: Client) -> None:
    assert figures(paid(shop)) == (10_000, 10_000, "none")


def test_what_is_not_captured_has_nothing_to_refund(shop: Client) -> None:
    payment = accepted(shop)
    assert figures(payment) == (0, 0, "none")
    assert last_day(payment) is None


def test_a_refund_under_way_is_taken_out_and_no_standing_yet(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 4000, state="processing")
    assert figures(payment) == (6000, 6000, "none")


@pytest.mark.parametrize(
    ("amount", "expected"), [(1, Standing.PARTIAL), (9999, Standing.PARTIAL), (10_000, Standing.FULL)]
)
def test_the_standing_is_of_what_was_given_back(shop: Client, amount: int, expected: Standing) -> None:
    payment = paid(shop)
    written(payment, amount, state="succeeded")
    assert figures(payment) == (10_000 - amount, 10_000 - amount, expected)


def test_nothing_can_be_refunded_over_an_open_dispute_though_it_is_left(shop: Client) -> None:
    payment = paid(shop)
    disputed(payment, 2500)
    assert figures(payment) == (10_000, 0, "none")


@pytest.mark.parametrize(("end", "left"), [("won", 7000), ("lost", 4500), ("closed", 7000)])
def test_after_a_dispute_what_is_left_is_right(shop: Client, end: str, left: int) -> None:
    payment = paid(shop)
    written(payment, 3000, state="succeeded")
    dispute = disputed(payment, 2500)
    now = database_now()
    {"won": dispute.win, "lost": dispute.lose, "closed": dispute.close}[end](now=now)
    dispute.save()
    assert figures(payment) == (left, left, "partial")


def test_a_payment_refunded_and_lost_as_well_has_nothing_left(shop: Client) -> None:
    payment = paid(shop)
    written(payment, 8000, state="succeeded")
    disputed(payment, 10_000, "lost")
    assert figures(payment) == (0, 0, "partial")


def test_after_the_window_nothing_can_be_refunded_though_it_is_left(shop: Client) -> None:
    payment = paid(shop)
    Payment.objects.update(processed_at=database_now() - timedelta(days=182))
    assert figures(payment) == (10_000, 0, "none")


def test_a_gateway_that_refunds_for_a_shorter_time_makes_the_window_shorter(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(shop)
    known = capabilities_of("primary")
    assert known is not None
    monkeypatch.setattr(refundable, "capabilities_of", lambda _: replace(known, refund_days=30))
    assert payment.processed_at is not None
    day = payment.processed_at.replace(hour=0, minute=0, second=0, microsecond=0)
    assert last_day(payment) == day + timedelta(days=30)
    assert refundable.is_in_window(payment, day + timedelta(days=31) - timedelta(microseconds=1))
    assert not refundable.is_in_window(payment, day + timedelta(days=31))


def test_a_gateway_that_refunds_for_longer_does_not_make_it_longer(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(shop)
    known = capabilities_of("primary")
    assert known is not None
    monkeypatch.setattr(refundable, "capabilities_of", lambda _: replace(known, refund_days=365))
    assert payment.processed_at is not None
    day = payment.processed_at.replace(hour=0, minute=0, second=0, microsecond=0)
    assert last_day(payment) == day + timedelta(days=180)
