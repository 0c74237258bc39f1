"""Events about nothing we know, of unknown types, unreadable or not confirmed: each ends right (31, W06)."""

from typing import Any

import pytest

from payments import outcomes
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, GatewayEvent, OperatorTask, Payment, RecoveryRun
from payments.outcomes import Told
from payments.services.recover import recover
from tests.payments.conftest import BECAUSE, after, sent
from tests.payments.services.gateway_telling import forbid_calls, run, state_of
from tests.payments.webhooks.sending import stored
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "pay_01m7zqyxss2bkqbwnxt2mny08j"


@pytest.fixture
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_calls(monkeypatch)


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize(
    "names",
    [
        {"payment_id": OURS},
        {"key": f"{OURS}-a1", "reference": "ch_1"},
        {"payment_id": OURS, "key": "another system's", "reference": "ch_1"},
    ],
)
def test_an_unknown_charge_is_tried_for_a_day_and_then_given_to_people(db: None, names: dict[str, Any]) -> None:
    event = stored(None, "charge.succeeded", **names)
    waits = []
    while event.state != "given_up":
        run()
        event.refresh_from_db()
        if event.due_at is not None:
            assert event.state == "parked"
            assert not OperatorTask.objects.exists()
            left = (event.due_at - event.last_received_at).total_seconds()
            waits.append(round(left))
            advance(left)
            GatewayEvent.objects.update(last_received_at=event.last_received_at)
        assert len(waits) < 40
    assert waits[:5] == [60, 300, 900, 3600, 3600]
    assert sum(waits) == pytest.approx(24 * 3600, abs=60)
    task = OperatorTask.objects.get()
    assert (task.kind, task.subject) == ("unmatched_event", "primary event evt_1")
    assert task.payment is None
    assert all(value in task.detail for value in names.values())
    assert (event.due_at, event.applied_at) == (None, None)
    run()
    assert OperatorTask.objects.count() == 1


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize(
    "names",
    [
        {"reference": "ch_1"},
        {"reference": "ch_1", "key": "their-key", "payment_id": "order-17"},
        {"key": "pay_short-a1"},
        {"payment_id": "pay_ILLEGAL0000000000000000000"},
    ],
)
def test_another_systems_charge_is_ignored(db: None, names: dict[str, Any]) -> None:
    event = stored(None, "charge.succeeded", **names)
    run()
    assert state_of(event) == ("ignored", "Names no payment of ours: another system uses the same account.")
    assert (event.due_at, OperatorTask.objects.count()) == (None, 0)


@pytest.mark.usefixtures("nobody_is_asked")
@pytest.mark.parametrize("type_", ["charge.updated", "payout.paid", "CHARGE.SUCCEEDED", "refundx", "disputex"])
def test_an_unknown_type_is_ignored(shop: Client, type_: str) -> None:
    event = stored(sent(shop), type_, reference="ch_1")
    run()
    assert state_of(event) == ("ignored", "Of a type that we do not know.")
    assert not OperatorTask.objects.exists()


@pytest.mark.usefixtures("nobody_is_asked")
def test_what_cannot_be_read_is_for_people(db: None) -> None:
    event = stored(None, "", body=b"not json")
    run()
    assert state_of(event) == ("given_up", "Its body cannot be read.")
    task = OperatorTask.objects.get()
    assert (task.kind, task.subject, task.payment) == ("unreadable_event", "events of primary", None)
    assert "evt_1" in task.detail
    assert bytes(event.body) == b"not json"


@pytest.mark.usefixtures("nobody_is_asked")
def test_many_that_cannot_be_read_are_one_question(db: None) -> None:
    for number in range(3):
        stored(None, "", body=b"not json", number=number)
    run()
    assert GatewayEvent.objects.filter(state="given_up").count() == 3
    assert OperatorTask.objects.count() == 1


def test_a_charge_that_turns_up_meanwhile_is_matched_and_its_task_closed(shop: Client) -> None:
    attempt = sent(shop)
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    GatewayEvent.objects.update(gateway_key="", payment_id=OURS)
    run()
    advance(24 * 3600)
    run()
    assert state_of(event)[0] == "given_up"
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    from payments.services.gateway_events import apply_again

    assert apply_again(BECAUSE, ids=[event.pk]) == 1
    run()
    assert state_of(event) == ("applied", "Known before.")
    task = OperatorTask.objects.get()
    assert (task.closed_by, task.resolution) == ("paysite", "The event was applied or ignored after all.")


def test_what_the_gateway_never_confirms_goes_to_people(shop: Client, gateway: SandboxProcess) -> None:
    attempt = sent(shop)
    after(attempt, Kind.NOT_SENT, "refused")
    event = stored(attempt, "charge.succeeded", reference="ch_never")
    for _ in range(40):
        run()
        if state_of(event)[0] == "given_up":
            break
        assert OperatorTask.objects.count() == 0
        advance(3601)
    assert state_of(event) == ("given_up", "The gateway does not confirm it: not_found (not_found).")
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id) == ("contradiction", attempt.payment_id)
    assert "charge.succeeded" in task.detail


def test_a_handler_that_raises_holds_up_no_other_event(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")

    def broken(told: Told) -> str:
        OperatorTask.objects.create(payment_id=told.attempt.payment_id, kind="rejected", detail="half done")
        raise LookupError

    monkeypatch.setattr(outcomes, "_handlers", {"refund.": broken})
    bad = stored(attempt, "refund.updated", number=1)
    good = stored(attempt, "charge.succeeded", number=2, reference="ch_1")
    run()
    assert state_of(good)[0] == "applied"
    assert state_of(bad) == ("received", "A defect of ours: the log has the details.")
    assert not OperatorTask.objects.exists()


def test_the_sweep_makes_a_forgotten_event_due(shop: Client) -> None:
    waiting = stored(sent(shop), "charge.succeeded", number=1)
    ended = stored(None, "payout.paid", number=2)
    GatewayEvent.objects.update(due_at=None)
    GatewayEvent.objects.filter(pk=ended.pk).update(state="ignored")
    run_ = recover(RecoveryRun.Trigger.SCHEDULE, BECAUSE)
    assert run_.repaired["forgottenEvents"] == 1
    waiting.refresh_from_db()
    ended.refresh_from_db()
    assert waiting.due_at is not None
    assert ended.due_at is None
    assert Payment.objects.get().status == "processing"
    assert not AuditEntry.objects.filter(action="payment.succeeded").exists()
