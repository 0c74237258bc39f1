"""Events that cannot be asked about or applied: every try is counted, and people get them after a day (E1, B6, 31)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, Circuit, Client, GatewayEvent, OperatorTask, Payment
from payments.reliability import calls
from payments.reliability.gateways import gateway_named
from payments.services import gateway_events
from payments.services.gateway_events import look
from tests.payments.conftest import BECAUSE, after, sent
from tests.payments.services.conftest import Gateways
from tests.payments.services.gateway_telling import forbid_calls, old, run, state_of
from tests.payments.webhooks.sending import stored
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

GONE = "The gateway is not in the settings any more, so that nobody can be asked."
DEFECT = "A defect of ours: the log has the details."


def half_open() -> None:
    """Let the breaker of look-ups offer one trial, as after an outage."""
    Circuit.objects.create(
        gateway="primary", operation="look_up", state="open", epoch=1, opened_at=Now(), try_at=Now() - timedelta(1)
    )


def for_a_day(event: GatewayEvent, note: str) -> None:
    """Run until the event is given up; assert that it was tried for a day with pauses, and nobody asked before."""
    tries = 0
    while state_of(event)[0] == "received":
        assert not OperatorTask.objects.exists()
        advance(3601)
        run()
        tries += 1
        assert tries < 30
    assert state_of(event) == ("given_up", note)
    assert event.due_at is None
    assert tries > 20


def test_an_event_of_a_gateway_that_was_removed_is_tried_again_and_takes_no_trial(
    shop: Client, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = old(sent(shop))
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    half_open()
    gateways.remove("primary")
    forbid_calls(monkeypatch)
    assert gateway_events.claim(BECAUSE) == []
    assert state_of(event) == ("received", GONE)
    assert (event.tries, event.claimed_until) == (1, None)
    assert event.due_at is not None
    assert 55 < (event.due_at - event.received_at).total_seconds() < 65
    circuit = Circuit.objects.get()
    assert (circuit.state, circuit.trials) == ("open", 0)
    for_a_day(event, GONE)
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id) == ("contradiction", attempt.payment_id)
    assert task.detail == f"primary event evt_1 says charge.succeeded; not confirmed for 24 hours. {GONE}"
    assert Payment.objects.get().status == "processing"


def test_a_gateway_that_comes_back_is_asked_again(shop: Client, gateways: Gateways) -> None:
    attempt = old(sent(shop))
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    before = gateways.settings.GATEWAYS
    gateways.remove("primary")
    run()
    gateways.settings.GATEWAYS = before
    gateway_named.cache_clear()
    advance(61)
    run()
    assert state_of(event) == ("received", "The gateway does not confirm it: not_found (not_found).")


def test_a_look_up_that_raises_counts_as_a_try_and_gives_its_trial_back(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = stored(old(sent(shop)), "charge.succeeded", reference="ch_1")
    half_open()

    def broken(*_: Any, **__: Any) -> Outcome:
        raise LookupError

    monkeypatch.setattr(calls, "look_up", broken)
    run()
    assert state_of(event) == ("received", DEFECT)
    assert (event.tries, event.claimed_until) == (1, None)
    circuit = Circuit.objects.get()
    assert (circuit.state, circuit.trials) == ("half_open", 0)


@pytest.mark.parametrize("is_open", [True, False])
def test_an_answer_that_cannot_be_applied_counts_as_a_try_and_goes_to_people(
    shop: Client, monkeypatch: pytest.MonkeyPatch, *, is_open: bool
) -> None:
    attempt = old(sent(shop))
    if not is_open:
        after(attempt, Kind.NOT_SENT, "refused")
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    monkeypatch.setattr(calls, "look_up", answering(Outcome(Kind.SUCCEEDED, "ok", reference="ch_1")))
    status = Payment.objects.get().status

    def broken(_: Any) -> None:
        raise ArithmeticError

    monkeypatch.setattr(look, "apply", broken)
    run()
    assert state_of(event) == ("received", DEFECT)
    assert event.tries == 1
    for_a_day(event, DEFECT)
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id) == ("contradiction", attempt.payment_id)
    assert Payment.objects.get().status == status


def answering(outcome: Outcome) -> Callable[..., Outcome]:
    def look_up(_: Attempt, *, prepared_at: float) -> Outcome:
        assert prepared_at > 0
        return outcome

    return look_up
