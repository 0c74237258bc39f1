"""Faults of the question what became of a refund, and when absence is proven (requirements D1, D2, C2)."""

from typing import Any

import pytest

from refunds.services.ask_now import ask_now
from tests.payments.conftest import BECAUSE
from tests.refunds.journey import Journey
from tests.refunds.rows import disputed

pytestmark = pytest.mark.django_db(transaction=True)


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
