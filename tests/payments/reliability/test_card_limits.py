"""The card networks' limits of tries with one card, over payments and gateways (requirement B4)."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Attempt, Client
from payments.reliability.card_limits import is_used_up
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db

CARD = "fp_one_card"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Declines = Callable[..., None]


@pytest.fixture
def now() -> datetime:
    return database_now()


@pytest.fixture
def declines(shop: Client, now: datetime) -> Declines:
    """Return what writes `times` declines of one card, each of another payment, `ago` before now."""
    numbers = iter(range(1, 1000))

    def write(times: int, ago: timedelta, card: str = CARD, state: str = "declined", gateway: str = "primary") -> None:
        first = sent(shop, f"key-{next(numbers)}", order=f"order-{next(numbers)}")
        after(first, Kind.DECLINED, decline_code="expired_card")
        for number in range(2, times + 2):
            another = Attempt.objects.create(
                payment_id=first.payment_id,
                number=number,
                gateway=gateway,
                gateway_key=f"{first.pk}-{number}",
                amount=1250,
                currency="USD",
                token="tok_1",
                card_fingerprint=card,
                sent_at=now - ago,
            )
            Attempt.objects.filter(pk=another.pk).update(state=state)

    return write


def just_declined(now: datetime, brand: str, card: str = CARD) -> Attempt:
    return Attempt(state="declined", card_fingerprint=card, card_brand=brand, sent_at=now, gateway="primary")


LIMITS = [
    ("mastercard", 9, HOUR),
    ("mastercard", 34, 2 * DAY),
    ("visa", 19, HOUR),
    ("visa", 19, 29 * DAY),
    # A brand that nobody knows: the strictest of each.
    ("", 9, HOUR),
    ("amex", 9, HOUR),
    ("", 19, 29 * DAY),
]


@pytest.mark.parametrize(("brand", "times", "ago"), LIMITS)
def test_the_last_try_that_is_allowed_uses_the_card_up(
    declines: Declines, now: datetime, brand: str, times: int, ago: timedelta
) -> None:
    declines(times - 1, ago)
    assert not is_used_up(just_declined(now, brand), now)
    declines(1, ago)
    assert is_used_up(just_declined(now, brand), now)


@pytest.mark.parametrize(
    ("brand", "times", "ago"),
    [("mastercard", 33, DAY + HOUR), ("mastercard", 40, 30 * DAY + HOUR), ("visa", 40, 30 * DAY + HOUR)]
    + [("visa", 18, HOUR), ("", 18, DAY + HOUR)],
)
def test_what_is_long_past_does_not_count(
    declines: Declines, now: datetime, brand: str, times: int, ago: timedelta
) -> None:
    declines(times, ago)
    assert not is_used_up(just_declined(now, brand), now)


def test_both_limits_of_mastercard_hold(declines: Declines, now: datetime) -> None:
    declines(26, 3 * DAY)
    declines(8, HOUR)
    # Nine in a day and thirty-five in a month.
    assert is_used_up(just_declined(now, "mastercard"), now)


def test_all_gateways_count_together(declines: Declines, now: datetime) -> None:
    declines(5, HOUR, gateway="primary")
    declines(4, HOUR, gateway="secondary")
    assert is_used_up(just_declined(now, "mastercard"), now)


def test_another_card_does_not_count(declines: Declines, now: datetime) -> None:
    declines(30, HOUR, card="fp_another")
    assert not is_used_up(just_declined(now, "mastercard"), now)


def test_a_card_that_nobody_named_is_not_limited(declines: Declines, now: datetime) -> None:
    declines(40, HOUR, card="")
    assert not is_used_up(just_declined(now, "visa", card=""), now)


@pytest.mark.parametrize("state", ["succeeded", "unknown", "not_sent"])
def test_only_declines_count(declines: Declines, now: datetime, state: str) -> None:
    # One for each payment: of some of these, it can have no more.
    for _ in range(12):
        declines(1, HOUR, state=state)
    assert not is_used_up(just_declined(now, "mastercard"), now)


def test_what_a_gateway_failed_to_process_is_no_try_with_the_card(declines: Declines, now: datetime) -> None:
    declines(30, HOUR)
    Attempt.objects.update(decline_code="processing_error")
    assert not is_used_up(just_declined(now, "visa"), now)
    Attempt.objects.update(decline_code="do_not_honor")
    assert is_used_up(just_declined(now, "visa"), now)
