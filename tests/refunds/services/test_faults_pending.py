"""A refund that the gateway takes on and ends later, refuses after all, or gets back (requirements D1, D2)."""

import pytest

from refunds.services.ask_now import ask_now
from tests.payments.conftest import BECAUSE
from tests.refunds.journey import Journey
from tests.sandbox import wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_refund_that_the_gateway_has_taken_on_is_shown_as_processing_until_it_is_done(journey: Journey) -> None:
    journey.gateway.arm("pending", operation="refund", count=1, params={"seconds": 1})
    refund = journey.refund()
    assert (refund.state, journey.shown["outcomeUnknown"], journey.money()) == ("processing", False, (3000, 0))
    assert [state for state, _ in journey.attempts()] == ["pending"]
    assert (journey.booked(), journey.shown["gatewayReference"] is None) == (0, False)
    wait_until(lambda: journey.at_gateway()[0][1] == "succeeded")
    journey.later(7)
    assert journey.gave_back_once()
    assert len(journey.sent()) == 1


def test_a_refund_that_the_bank_refuses_after_all_fails(journey: Journey) -> None:
    journey.gateway.arm("pending", operation="refund", count=1)
    refund = journey.refund()
    journey.later_by_steps(3600, 2)
    assert (journey.row.state, journey.money()) == ("processing", (3000, 0))
    journey.gateway.control(f"refunds/{refund.gateway_reference}/fail", code="account_closed")
    # The next look is three hours after the first, or up to a fifth later, as chance will have it.
    journey.later_by_steps(3600, 2)
    assert (journey.row.state, journey.row.error_code, journey.money()) == ("failed", "account_closed", (0, 0))
    assert (journey.booked(), journey.tasks()) == (0, ["refund_failed"])
    journey.refund(10_000, "refund-2")
    assert journey.money() == (10_000, 10_000)


def test_a_refund_that_comes_back_after_its_success_can_be_made_again(journey: Journey) -> None:
    refund = journey.refund(10_000)
    assert journey.gave_back_once()
    journey.gateway.control(f"refunds/{refund.gateway_reference}/fail", code="account_closed")
    assert ask_now(refund.pk, BECAUSE)
    journey.settler.drain()
    assert (journey.row.state, journey.row.error_code, journey.money()) == ("failed", "account_closed", (0, 0))
    assert [state for state, _ in journey.attempts()] == ["bounced"]
    assert (journey.booked(), journey.tasks()) == (0, ["refund_failed"])
    again = journey.refund(10_000, "refund-2")
    assert again.state == "succeeded"
    assert journey.at_gateway() == [(10_000, "failed", refund.pk), (10_000, "succeeded", again.pk)]
    assert (journey.money(), journey.booked()) == ((10_000, 10_000), 10_000)
