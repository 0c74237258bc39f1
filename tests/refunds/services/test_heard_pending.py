"""What a gateway has taken on is looked up until it ends, however long that takes (requirements D1, D2)."""

from typing import Any, Final

import pytest

from payments.gateways.base import Kind
from payments.models import Client
from tests.refunds.conftest import requested
from tests.refunds.rows import counters
from tests.refunds.telling import asked, booked, claimed, claimed_again, sent, states, told
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db

DAY: Final = 24 * 3600


def test_a_pending_refund_is_neither_unknown_nor_done(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    assert (states(refund), refund.gateway_reference) == (["processing", "pending"], "re_1")
    assert (counters(refund.payment), booked(refund)) == ((3000, 0), [])
    assert refund.due_at is not None
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]


@pytest.mark.parametrize(
    ("kind", "more", "expected", "money"),
    [
        (Kind.SUCCEEDED, {}, ["succeeded", "succeeded"], (3000, 3000)),
        (Kind.DECLINED, {"decline_code": "account_closed"}, ["failed", "declined"], (0, 0)),
    ],
)
def test_a_pending_refund_ends_as_the_gateway_says(
    shop: Client, kind: Kind, more: dict[str, Any], expected: list[str], money: tuple[int, int]
) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    told(refund, kind, reference="re_1", looked=True, **more)
    assert (states(refund), counters(refund.payment)) == (expected, money)


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.NOT_FOUND, Kind.NOT_SENT, Kind.REJECTED])
def test_a_pending_refund_stays_so_whatever_a_look_up_fails_to_see(shop: Client, kind: Kind) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    for _ in range(3):
        advance(3600)
        told(refund, kind, looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "pending"], (3000, 0))


def test_a_refund_pending_for_a_week_is_a_persons_business_and_stays_open(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    advance(8 * DAY)
    refund = told(refund, Kind.PENDING, "pending", reference="re_1", looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "unresolved"], (3000, 0))
    assert asked(refund) == ["refund_unknown"]
    # Another refund of the same payment that ends well answers nothing about this one.
    other = requested(refund.payment, 1000, "refund-2")
    claimed()
    told(other, Kind.SUCCEEDED, reference="re_2")
    assert asked(refund) == ["refund_unknown"]
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == []
    assert counters(refund.payment) == (4000, 4000)


def test_a_pending_refund_of_no_name_that_nobody_finds_any_more_goes_out_anew(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending")
    advance(8 * DAY)
    told(refund, Kind.PENDING, "pending", looked=True)
    advance(DAY)
    told(refund, Kind.NOT_FOUND, looked=True)
    advance(DAY)
    told(refund, Kind.NOT_FOUND, looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "not_found"], (3000, 0))
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"refund"}]


def test_what_the_gateway_named_once_it_had_it_is_not_proven_absent_later(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending")
    told(refund, Kind.PENDING, "pending", reference="re_1", looked=True)
    advance(8 * DAY)
    told(refund, Kind.PENDING, "pending", looked=True)
    for _ in range(3):
        advance(DAY)
        told(refund, Kind.NOT_FOUND, looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "unresolved"], (3000, 0))
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]
