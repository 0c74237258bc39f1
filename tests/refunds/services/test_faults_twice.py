"""A gateway that executes a refund late or twice, and a request that is made again meanwhile (D1, D2, C2)."""

import pytest

from refunds.services.request import RefundRefusedError
from tests.refunds.conftest import requested
from tests.refunds.journey import Journey
from tests.sandbox import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refund_that_is_executed_late_is_found_once(journey: Journey) -> None:
    journey.gateway.arm("execute_late", operation="refund", count=1, params={"seconds": 1.5})
    refund = journey.refund()
    assert (refund.state, journey.at_gateway()) == ("unknown", [])
    # Asked while it is still under way: not found proves nothing, and the key is in use.
    assert journey.later(7).state == "unknown"
    wait_until(lambda: journey.at_gateway() != [])
    journey.later(20)
    assert journey.gave_back_once()
    assert set(journey.sent()) == {refund.pk}


def test_a_gateway_that_refunds_twice_under_one_key_is_caught(journey: Journey) -> None:
    """It broke its promise: ours is booked once, and what it did beyond that is for the reading of its list."""
    journey.gateway.arm("execute_twice", operation="refund", count=1)
    refund = journey.refund()
    assert [amount for amount, _, _ in journey.at_gateway()] == [3000, 3000]
    assert (refund.state, journey.money(), journey.booked()) == ("succeeded", (3000, 3000), 3000)
    assert len(journey.sent()) == 1


def test_a_full_refund_cannot_be_executed_twice_even_by_a_gateway_that_forgets_its_keys(journey: Journey) -> None:
    journey.gateway.arm("execute_twice", operation="refund", count=1)
    journey.refund(None)
    assert journey.gave_back_once()


def test_while_it_is_unknown_its_amount_stays_reserved_and_pressing_again_is_the_same(journey: Journey) -> None:
    journey.gateway.arm("close_without_executing", operation="refund", count=1)
    refund = journey.refund(6000)
    assert refund.state == "unknown"
    assert requested(journey.payment, 6000).pk == refund.pk
    with pytest.raises(RefundRefusedError) as refused:
        requested(journey.payment, 4001, "refund-2")
    assert (refused.value.code, journey.money()) == ("amount_exceeds_refundable", (6000, 0))
    other = requested(journey.payment, 4000, "refund-2")
    journey.settler.drain()
    journey.later(7)
    assert sorted(journey.at_gateway()) == sorted([(6000, "succeeded", refund.pk), (4000, "succeeded", other.pk)])
    assert (journey.money(), journey.booked()) == ((10_000, 10_000), 10_000)
