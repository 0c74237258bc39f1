"""The fault catalogue on the way of a refund: what is shown meanwhile, and that it ends right (D1, D2, C1 to C3)."""

from typing import Any, Final

import pytest

from payments.models import Circuit
from payments.reliability.gateways import gateway_named
from refunds.models import Refund
from tests.refunds.conftest import captured, requested
from tests.refunds.journey import Journey

pytestmark = pytest.mark.django_db(transaction=True)

Fault = tuple[str, dict[str, Any]]
# The gateway gave the money back, and its answer is lost, cut, or says something else.
GIVEN_BACK: Final[list[Fault]] = [
    *[(kind, {}) for kind in ("execute_then_hang", "execute_then_close", "execute_then_reset")],
    *[("status", {"status": status, "execute": True}) for status in (500, 502, 503, 504)],
    *[(kind, {}) for kind in ("html_200", "empty_200", "wrong_content_type", "redirect")],
    *[("cut_reply", {"framing": framing, "at_byte": 120}) for framing in ("length", "chunked", "close")],
    ("drip", {"interval_ms": 60}),
    ("huge_body", {}),
    ("gzip_body", {}),
    *[(kind, {}) for kind in ("wrong_amount", "wrong_currency", "wrong_reference", "wrong_mode", "unknown_status")],
]
# It did nothing, and nobody can know.
LOST: Final[list[Fault]] = [
    *[(kind, {}) for kind in ("hang_without_executing", "close_without_executing", "reset_without_executing")],
    *[("status", {"status": status}) for status in (500, 502, 503, 504)],
    *[(kind, {"execute": False}) for kind in ("html_200", "empty_200", "redirect")],
]
MAINTENANCE: Final = {"error": {"type": "api_error", "code": "maintenance", "message": "Back soon. Nothing was done."}}
# It says by its documents that it did nothing.
NOT_DONE: Final[list[Fault]] = [
    ("status", {"status": 429, "headers": {"Retry-After": "2"}}),
    ("status", {"status": 401}),
    ("status", {"status": 403}),
    ("status", {"status": 503, "body": MAINTENANCE, "headers": {"Retry-After": "2"}}),
]
_FALSE: Final = {"wrong_amount", "wrong_currency", "wrong_reference", "wrong_mode", "unknown_status"}


def named(faults: list[Fault]) -> list[str]:
    return ["-".join([kind, *(str(value)[:8] for value in params.values())]) for kind, params in faults]


@pytest.mark.parametrize(("kind", "params"), GIVEN_BACK, ids=named(GIVEN_BACK))
def test_a_refund_whose_answer_is_lost_is_unknown_until_it_is_found(
    journey: Journey, kind: str, params: dict[str, Any]
) -> None:
    journey.gateway.arm(kind, operation="refund", count=1, params=params)
    refund = journey.refund()
    assert (refund.state, journey.shown["outcomeUnknown"], journey.money()) == ("unknown", True, (3000, 0))
    assert len(journey.attempts()) == 1
    assert journey.booked() == 0
    assert ("refund_mismatch" in journey.tasks()) is (kind in _FALSE)
    journey.later(7)
    assert journey.gave_back_once()
    assert (journey.attempts()[0][0], len(journey.sent())) == ("succeeded", 1)


@pytest.mark.parametrize(("kind", "params"), LOST, ids=named(LOST))
def test_a_refund_that_was_lost_is_sent_again_under_its_key(
    journey: Journey, kind: str, params: dict[str, Any]
) -> None:
    journey.gateway.arm(kind, operation="refund", count=1, params=params)
    refund = journey.refund()
    assert (refund.state, journey.money(), journey.at_gateway()) == ("unknown", (3000, 0), [])
    journey.later(7)
    assert journey.gave_back_once()
    assert journey.sent() == [refund.pk] * 2
    assert [state for state, _ in journey.attempts()] == ["succeeded"]


@pytest.mark.parametrize(("kind", "params"), NOT_DONE, ids=named(NOT_DONE))
def test_a_refund_that_the_gateway_did_not_act_on_is_not_unknown_and_goes_out_later(
    journey: Journey, kind: str, params: dict[str, Any]
) -> None:
    journey.gateway.arm(kind, operation="refund", count=1, params=params)
    refund = journey.refund()
    assert (refund.state, journey.shown["outcomeUnknown"], journey.money()) == ("processing", False, (3000, 0))
    assert [state for state, _ in journey.attempts()] == ["not_sent"]
    journey.later_by_steps(60, 3)
    assert journey.gave_back_once()
    assert [state for state, _ in journey.attempts()] == ["not_sent", "succeeded"]
    assert journey.sent() == [refund.pk] * 2


def test_an_outage_delays_the_refund_and_loses_nothing(journey: Journey, settings: Any) -> None:
    [gateway] = settings.GATEWAYS
    settings.GATEWAYS = [{**gateway, "url": "http://127.0.0.1:9"}]
    gateway_named.cache_clear()
    refund = journey.refund()
    assert (refund.state, journey.money(), journey.sent()) == ("processing", (3000, 0), [])
    journey.later_by_steps(301, 14)
    assert (journey.row.state, journey.money(), journey.sent()) == ("processing", (3000, 0), [])
    # A person is told after a while; nobody fails it by the clock.
    assert journey.tasks() == ["refund_failed"]
    settings.GATEWAYS = [gateway]
    gateway_named.cache_clear()
    journey.later_by_steps(301, 3)
    assert journey.gave_back_once()
    assert journey.sent() == [refund.pk]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_request_that_the_gateway_does_not_understand_fails_and_releases_its_amount(
    journey: Journey, status: int
) -> None:
    journey.gateway.arm("status", operation="refund", count=1, params={"status": status})
    refund = journey.refund()
    assert (refund.state, refund.error_code, journey.money()) == ("failed", "gateway_rejected", (0, 0))
    assert (journey.at_gateway(), journey.booked()) == ([], 0)
    assert "refund_failed" in journey.tasks()
    journey.refund(10_000, "refund-2")
    assert journey.gave_back_once()


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        *((code, code) for code in ("insufficient_balance", "charge_disputed", "expired_or_canceled_card")),
        ("unheard_of", "card_declined"),
    ],
)
def test_a_refund_that_the_gateway_declines_fails_and_releases_its_amount(
    journey: Journey, code: str, shown: str
) -> None:
    journey.gateway.arm("decline", operation="refund", count=1, params={"code": code})
    refund = journey.refund()
    assert (refund.state, refund.error_code, journey.money()) == ("failed", code, (0, 0))
    assert journey.shown["failureCode"] == shown
    assert (journey.at_gateway(), journey.booked(), journey.tasks()) == ([], 0, ["refund_failed"])
    # Nothing is sent again by itself; a new request is a new refund.
    journey.later_by_steps(3600, 3)
    assert len(journey.sent()) == 1
    journey.refund(10_000, "refund-2")
    assert journey.gave_back_once()


def test_a_gateway_that_fails_again_and_again_is_left_alone_and_every_refund_ends(journey: Journey) -> None:
    """Its breaker opens for refunds; charges have another (invariant 45)."""
    journey.gateway.arm("status", operation="refund", params={"status": 500})
    refunds = [requested(journey.payment, 100, f"refund-{number}") for number in range(12)]
    journey.id = refunds[0].pk
    journey.settler.drain()
    journey.later_by_steps(20, 3)
    assert Circuit.objects.get(gateway="primary", operation="refund").state != "closed"
    assert len(journey.sent()) < 40
    assert captured(journey.payment.client, journey.settler, "other-pay", order="other").status == "success"
    journey.gateway.clear_faults()
    journey.later_by_steps(120, 25)
    assert {Refund.objects.get(pk=refund.pk).state for refund in refunds} == {"succeeded"}
    assert sorted(key for _, _, key in journey.at_gateway()) == sorted(refund.pk for refund in refunds)
    assert journey.money() == (1200, 1200)
