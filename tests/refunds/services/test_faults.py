"""The fault catalogue on the way of a refund: what is shown meanwhile, and that it ends right (D1, D2, C1 to C3)."""

from typing import Any, Final

import pytest

from payments.models import Circuit
from payments.reliability.gateways import gateway_named
from refunds.models import Refund
from refunds.services.ask_now import ask_now
from refunds.services.request import RefundRefusedError
from tests.payments.conftest import BECAUSE
from tests.refunds.conftest import captured, requested
from tests.refunds.journey import Journey
from tests.refunds.rows import disputed
from tests.sandbox import wait_until

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


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        *[(kind, {}) for kind in ("execute_then_hang", "close_without_executing", "html_200", "empty_200")],
        *[("status", {"status": status}) for status in (400, 401, 429, 500, 503)],
        *[(kind, {}) for kind in ("wrong_amount", "wrong_currency", "wrong_reference", "wrong_mode", "unknown_status")],
        ("cut_reply", {"framing": "close", "at_byte": 120}),
    ],
)
def test_a_question_that_is_not_answered_proves_nothing(journey: Journey, kind: str, params: dict[str, Any]) -> None:
    journey.gateway.arm("execute_then_close", operation="refund", count=1)
    journey.refund()
    journey.gateway.arm(kind, operation="refund_look_up", count=1, params=params)
    assert journey.later(7).state == "unknown"
    assert (journey.money(), len(journey.sent())) == ((3000, 0), 1)
    journey.later_by_steps(310, 2)
    assert journey.gave_back_once()
    assert len(journey.sent()) == 1


def proven_absent(journey: Journey, sends: int) -> None:
    """Have the refund sent so often and never arrive, until it is proven that it did not happen."""
    journey.gateway.arm("close_without_executing", operation="refund", count=sends)
    journey.refund()
    for _ in range(60):
        if journey.attempts()[0][0] == "not_found":
            return
        journey.later(120)
    raise AssertionError(journey.attempts())


def test_what_is_proven_not_to_have_happened_is_sent_anew_under_the_same_key(journey: Journey) -> None:
    proven_absent(journey, 4)
    assert journey.gave_back_once()
    assert [state for state, _ in journey.attempts()] == ["not_found", "succeeded"]
    assert set(journey.sent()) == {journey.id}


def test_a_not_found_within_the_window_proves_nothing(journey: Journey) -> None:
    journey.gateway.arm("close_without_executing", operation="refund", count=4)
    journey.refund()
    for _ in range(5):
        journey.later(60)
    assert [state for state, _ in journey.attempts()] == ["unknown"]
    assert (journey.row.state, journey.money()) == ("unknown", (3000, 0))


def test_after_a_day_a_person_is_asked_and_it_is_still_not_failed(journey: Journey) -> None:
    journey.gateway.arm("execute_then_close", operation="refund", count=1)
    refund = journey.refund()
    journey.gateway.arm("status", operation="refund_look_up", params={"status": 500})
    journey.later_by_steps(3600, 26)
    assert [state for state, _ in journey.attempts()] == ["unresolved"]
    assert (journey.row.state, journey.money(), journey.tasks()) == ("unknown", (3000, 0), ["refund_unknown"])
    journey.later_by_steps(6 * 3600, 30)
    # Older than a week: nobody asks by schedule, and it is neither failed nor released.
    assert (journey.row.state, journey.money(), journey.tasks()) == ("unknown", (3000, 0), ["refund_unknown"])
    journey.gateway.clear_faults()
    assert ask_now(refund.pk, BECAUSE)
    journey.later_by_steps(310, 2)
    assert journey.gave_back_once()
    assert (journey.tasks(), journey.sent()) == ([], [refund.pk])


def test_a_key_is_not_sent_again_after_its_life(journey: Journey) -> None:
    """Nobody could ask for a day; when somebody can, the key of old is too old to be sent while it may have worked."""
    journey.gateway.arm("close_without_executing", operation="refund", count=1)
    refund = journey.refund()
    journey.gateway.arm("status", operation="refund_look_up", params={"status": 500})
    journey.later_by_steps(3600, 24)
    journey.gateway.clear_faults()
    journey.later(3600)
    assert (journey.row.state, journey.sent()) == ("unknown", [refund.pk])
    assert [state for state, _ in journey.attempts()] == ["unresolved"]
    # Two looks far apart agree that it never happened: only then it goes out anew.
    journey.later_by_steps(3600, 3)
    assert journey.gave_back_once()
    assert [state for state, _ in journey.attempts()] == ["not_found", "succeeded"]


def test_a_refund_that_arrives_after_it_was_given_up_is_believed_on_proof(journey: Journey) -> None:
    """Proven absent, and then called off over a dispute; the request was on its way for an hour."""
    journey.gateway.arm("close_without_executing", operation="refund")
    refund = journey.refund()
    dispute = disputed(journey.payment, 10_000)
    journey.later_by_steps(400, 4)
    assert (journey.row.state, journey.row.error_code, journey.money()) == ("failed", "payment_disputed", (0, 0))
    journey.gateway.clear_faults()
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]["id"]
    body = {"charge": charge, "amount": 3000, "currency": "USD", "reason": "customer_request"}
    reply = journey.gateway.call("POST", "/v1/refunds", json=body, headers={"Idempotency-Key": refund.pk})
    assert reply.status_code == 200
    assert ask_now(refund.pk, BECAUSE)
    journey.settler.drain()
    assert journey.gave_back_once()
    assert "double_loss" in journey.tasks()
    assert dispute.status == "needs_response"


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
