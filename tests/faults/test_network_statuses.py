"""The network rows of the fault catalogue about what gateways say: statuses, declines, keys (N17 to N23)."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.faults.checks import assert_found_out
from tests.faults.journey import Journey
from tests.outage.hour import Traffic, payments
from tests.sandbox import wait_until


def retry_afters() -> list[tuple[str, float, float]]:
    """Return values of Retry-After, and the least and most seconds that may be waited: 1 s to 15 min."""
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=120), usegmt=True)
    return [("7", 6, 7), (date, 90, 120), ("-5", 0, 30), ("1000000000", 890, 900)]


def test_n17_too_many_requests_is_not_executed_and_waits_as_told(journey: Journey, settings: Any) -> None:
    settings.GATEWAYS = settings.GATEWAYS[:1]
    for value, least, most in retry_afters():
        journey.primary.arm("status", count=1, params={"status": 429, "headers": {"Retry-After": value}})
        journey.pay()
        assert journey.attempts() == [("primary", "not_sent", "rate_limited")], value
        assert journey.row.status == "retrying"
        assert least <= journey.waits() <= most, value
        assert journey.counted() == 0
        journey.later(900)
        assert journey.is_paid("primary")


def test_n17_too_many_requests_at_one_gateway_goes_to_the_other(journey: Journey) -> None:
    journey.primary.arm("status", count=1, params={"status": 429, "headers": {"Retry-After": "60"}})
    journey.pay()
    assert journey.is_paid("secondary", level=3)
    assert (journey.counted(), journey.sent_to("primary")) == (0, 1)


def test_n18_a_key_in_use_stays_unknown_and_is_asked_for_again_under_the_same_key(journey: Journey) -> None:
    journey.primary.arm("execute_late", count=1, params={"seconds": 1.5})
    journey.pay()
    assert journey.is_unknown()
    journey.later(7)
    assert journey.is_unknown()
    assert journey.attempts() == [("primary", "unknown", "key_in_use")]
    wait_until(lambda: journey.captured() == ["primary"])
    journey.later(30)
    assert journey.is_paid("primary")
    assert {request["idempotency_key"] for request in journey.primary.requests(reference=journey.payment)} == {
        f"{journey.payment}-a1"
    }
    assert journey.sent_to("secondary") == 0


@pytest.mark.parametrize("status", [401, 403])
def test_n20_refused_credentials_open_the_breaker_at_once_and_page(journey: Journey, status: int) -> None:
    journey.primary.arm("status", params={"status": status})
    journey.pay()
    assert journey.is_paid("secondary", level=3)
    assert journey.attempts()[0] == ("primary", "not_sent", "credentials_refused")
    assert (journey.state(), journey.tasks()) == ("open", ["rejected"])
    traffic = Traffic(journey.shop, journey.settler)
    ids = traffic.step(0, 10)
    assert {(payment.status, payment.level) for payment in payments(ids)} == {("success", 3)}
    assert [journey.primary.requests(reference=each) for each in ids] == [[]] * 10


@pytest.mark.parametrize("token", ["tok_stolen_card", "tok_expired_card", "tok_do_not_try_again"])
def test_n21_a_decline_that_forbids_a_retry_is_final(journey: Journey, token: str) -> None:
    journey.pay(token)
    for seconds in (10, 60, 600):
        journey.later(seconds)
    assert (journey.row.status, journey.row.level) == ("failed", 5)
    assert (journey.sent_to("primary"), journey.sent_to("secondary")) == (1, 0)
    assert (journey.counted(), journey.captured()) == (0, [])


def test_n22_a_500_after_the_charge_was_made_is_found(journey: Journey) -> None:
    journey.primary.arm("status", count=1, params={"status": 500, "execute": True})
    journey.pay()
    assert journey.is_unknown()
    assert (journey.counted(), journey.captured()) == (1, ["primary"])
    assert_found_out(journey, sends=1)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_n23_an_error_of_the_edge_is_unknown(journey: Journey, status: int) -> None:
    journey.primary.arm("status", count=1, params={"status": status, "body": "<h1>Bad gateway</h1>"})
    journey.pay()
    assert journey.is_unknown()
    assert journey.counted() == 1
    assert_found_out(journey, sends=2)


def test_n23_a_documented_maintenance_goes_to_the_second_gateway(journey: Journey) -> None:
    body = {"error": {"type": "api_error", "code": "maintenance", "message": "Back soon. Nothing was charged."}}
    journey.primary.arm("status", count=1, params={"status": 503, "body": body, "headers": {"Retry-After": "60"}})
    journey.pay()
    assert journey.attempts() == [("primary", "not_sent", "maintenance"), ("secondary", "succeeded", "succeeded")]
    assert journey.is_paid("secondary", level=3)
    assert journey.counted() == 0
