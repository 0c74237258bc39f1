"""What events of gateways lead to: the gateway is asked, and its answer goes through the one door (E1, C3, W03–W10)."""

from datetime import timedelta
from typing import Any

import pytest

from payments.gateways.base import Kind, Outcome
from payments.models import AuditEntry, Circuit, Client, GatewayEvent, OperatorTask, Payment, SurplusCharge
from payments.reliability import calls
from payments.reliability.breaker import Pass
from payments.services import gateway_events
from payments.services.gateway_events import take
from payments.services.gateway_events.look import Look, heard
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE, after, sent
from tests.payments.services.gateway_telling import charged, count_calls, forbid_calls, old, run, state_of
from tests.payments.webhooks.sending import stored
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_event_that_tells_what_is_known_costs_no_call(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    forbid_calls(monkeypatch)
    entries = AuditEntry.objects.count()
    run()
    assert state_of(event) == ("applied", "Known before.")
    assert (event.due_at, event.claimed_until, event.applied_at is not None) == (None, None, True)
    assert AuditEntry.objects.count() == entries


def test_an_event_before_our_own_answer_settles_the_payment(shop: Client, gateway: SandboxProcess) -> None:
    attempt = old(sent(shop))
    charge = charged(gateway, attempt)
    event = stored(attempt, "charge.succeeded", reference=charge["id"])
    run()
    payment = Payment.objects.get()
    attempt.refresh_from_db()
    assert (payment.status, attempt.state, attempt.gateway_reference) == ("success", "succeeded", charge["id"])
    assert state_of(event) == ("applied", "The gateway was asked: succeeded.")
    entry = AuditEntry.objects.get(action="payment.succeeded")
    assert (entry.actor, entry.cause) == ("gateway:primary", "event:evt_1")
    # The worker's own answer comes after it, and changes nothing.
    after(attempt, Kind.SUCCEEDED, reference=charge["id"])
    assert not SurplusCharge.objects.exists()
    assert AuditEntry.objects.filter(action="payment.succeeded").count() == 1


def test_while_our_own_answer_is_expected_nobody_is_asked(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    event = stored(sent(shop), "charge.succeeded", reference="ch_1")
    forbid_calls(monkeypatch)
    run()
    assert state_of(event) == ("received", "The gateway's own answer is expected.")
    assert event.due_at is not None
    assert 1 < (event.due_at - event.received_at).total_seconds() < 4
    assert (event.tries, event.fence) == (0, 1)


def test_an_event_is_no_proof_of_money(shop: Client, gateway: SandboxProcess) -> None:
    attempt = old(sent(shop, token="tok_insufficient_funds"))
    charge = charged(gateway, attempt, "tok_insufficient_funds")
    event = stored(attempt, "charge.succeeded", reference=charge["id"])
    run()
    attempt.refresh_from_db()
    assert (attempt.state, attempt.decline_code) == ("declined", "insufficient_funds")
    assert Payment.objects.get().status != "success"
    assert state_of(event) == ("received", "The gateway does not confirm it: declined (declined).")


def test_an_event_about_nothing_at_the_gateway_changes_nothing(shop: Client, gateway: SandboxProcess) -> None:
    attempt = old(sent(shop))
    event = stored(attempt, "charge.succeeded", reference="ch_none")
    run()
    attempt.refresh_from_db()
    assert (attempt.state, Payment.objects.get().status) == ("sent", "processing")
    assert state_of(event) == ("received", "The gateway does not confirm it: not_found (not_found).")
    assert event.due_at is not None
    assert 55 < (event.due_at - event.received_at).total_seconds() < 65


def test_several_events_of_one_attempt_share_one_look(
    shop: Client, gateway: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = old(sent(shop))
    charge = charged(gateway, attempt)
    for number, type_ in enumerate(("charge.action_required", "charge.succeeded", "charge.succeeded")):
        stored(attempt, type_, number=number, reference=charge["id"])
    asked = count_calls(monkeypatch)
    run()
    assert asked == [attempt.gateway_key]
    assert set(GatewayEvent.objects.values_list("state", flat=True)) == {"applied"}


def test_a_gateway_that_does_not_answer_is_asked_again_and_its_breaker_told(
    shop: Client, gateway: SandboxProcess, settings: Any
) -> None:
    attempt = old(sent(shop))
    charge = charged(gateway, attempt)
    event = stored(attempt, "charge.succeeded", reference=charge["id"])
    settings.BREAKER_FAILURES = 1
    gateway.arm("status", operation="look_up", params={"status": 500})
    run()
    assert state_of(event) == ("received", "The gateway does not confirm it: unknown (server_error).")
    gateway.clear_faults()
    advance(61)
    event.refresh_from_db()
    run()
    assert state_of(event)[0] in {"received", "applied"}
    for _ in range(3):
        advance(61)
        run()
    assert state_of(event) == ("applied", "The gateway was asked: succeeded.")
    assert Payment.objects.get().status == "success"


def test_a_worker_that_dies_after_the_claim_loses_nothing(shop: Client, gateway: SandboxProcess) -> None:
    attempt = old(sent(shop))
    charge = charged(gateway, attempt)
    event = stored(attempt, "charge.succeeded", reference=charge["id"])
    assert len(gateway_events.claim(BECAUSE)) == 1
    run()
    assert state_of(event)[0] == "received"
    advance(calls.budget() + 11)
    run()
    assert state_of(event)[0] == "applied"
    assert AuditEntry.objects.filter(action="payment.succeeded").count() == 1


def test_whoever_was_taken_over_writes_nothing(shop: Client, gateway: SandboxProcess) -> None:
    attempt = old(sent(shop))
    event = stored(attempt, "charge.succeeded", reference="ch_1")
    slow = Look(attempt, "", Pass("primary", "look_up", 0, trial=False, failures=0), [event])
    GatewayEvent.objects.update(fence=5)
    before = GatewayEvent.objects.values().get()
    heard(slow, Outcome(Kind.UNKNOWN, "read_timeout"))
    assert GatewayEvent.objects.values().get() == before


def test_an_event_of_another_gateway_about_our_charge_is_not_believed(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = old(sent(shop))
    event = stored(attempt, "charge.succeeded", reference="ch_1", gateway="secondary")
    forbid_calls(monkeypatch)
    run()
    assert state_of(event) == ("parked", "About nothing we know yet.")
    assert Payment.objects.get().status == "processing"


def test_an_event_about_a_second_charge_under_one_key_finds_it_at_once(shop: Client, gateway: SandboxProcess) -> None:
    attempt = sent(shop)
    gateway.arm("execute_twice", count=1)
    charged(gateway, attempt)
    second, first = gateway.charges(reference=attempt.payment_id)
    after(attempt, Kind.SUCCEEDED, reference=first["id"])
    event = stored(attempt, "charge.succeeded", reference=second["id"])
    run()
    surplus = SurplusCharge.objects.get()
    assert (surplus.gateway_reference, surplus.reason, surplus.taken) == (second["id"], "duplicate_charge", True)
    assert state_of(event) == ("applied", "The gateway was asked: succeeded.")
    later = stored(attempt, "charge.voided", number=2, reference=second["id"])
    run()
    assert state_of(later) == ("applied", "About a charge that is given back by itself.")


def test_another_charge_that_took_no_money_says_nothing_about_ours(shop: Client, gateway: SandboxProcess) -> None:
    attempt = old(sent(shop, token="tok_insufficient_funds"))
    other = charged(gateway, attempt, "tok_insufficient_funds")
    after(attempt, Kind.ACTION_REQUIRED, reference="ch_ours", action_url="https://bank.test/")
    event = stored(attempt, "charge.failed", reference=other["id"])
    run()
    attempt.refresh_from_db()
    assert (attempt.state, attempt.gateway_reference) == ("action_required", "ch_ours")
    assert state_of(event) == ("applied", "The gateway was asked: declined.")


def test_a_charge_undone_at_the_gateway_goes_to_people(shop: Client, gateway: SandboxProcess, settler: Settler) -> None:
    attempt = sent(shop)
    charge = charged(gateway, attempt)
    after(attempt, Kind.SUCCEEDED, reference=charge["id"])
    gateway.call("POST", f"/v1/charges/{charge['id']}/cancel")
    event = stored(attempt, "charge.voided", reference=charge["id"])
    settler.drain()
    payment = Payment.objects.get()
    assert (payment.status, payment.review_reason) == ("review", "taken_back")
    assert state_of(event) == ("applied", "The gateway was asked: voided.")
    assert OperatorTask.objects.get().kind == "taken_back"


def test_a_burst_of_what_is_known_takes_few_statements(
    shop: Client, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    for number in range(1201):
        stored(attempt, "charge.succeeded", number=number, reference="ch_1")
    forbid_calls(monkeypatch)
    # Three claims of, each: begin, lock, three of matching, circuits, write, commit; each with its savepoints.
    with django_assert_max_num_queries(40):
        run()
    assert GatewayEvent.objects.filter(state="applied").count() == 1201


def test_the_looks_of_one_claim_are_few(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(take, "LOOKS", 2)
    for number in range(4):
        attempt = old(sent(shop, key=f"order-{number}-pay", order=f"order-{number}"))
        stored(attempt, "charge.succeeded", number=number, reference=f"ch_{number}")
    assert len(gateway_events.claim(BECAUSE)) == 2
    notes = GatewayEvent.objects.values_list("note", "tries")
    assert sorted(notes) == [
        ("", 0),
        ("", 0),
        ("Others are asked about first.", 0),
        ("Others are asked about first.", 0),
    ]


def test_a_look_waits_while_the_breaker_lets_none_out(
    shop: Client, gateway: SandboxProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = old(sent(shop))
    charge = charged(gateway, attempt)
    event = stored(attempt, "charge.succeeded", reference=charge["id"])
    at = event.received_at
    row = {"gateway": "primary", "operation": "look_up", "state": "open", "epoch": 1, "opened_at": at}
    Circuit.objects.create(**row, try_at=at + timedelta(seconds=30))
    with monkeypatch.context() as nobody:
        forbid_calls(nobody)
        run()
    assert state_of(event) == ("received", "The gateway answers nobody at this moment.")
    assert event.due_at is not None
    assert 29 < (event.due_at - at).total_seconds() < 37
    assert (event.tries, event.claimed_until) == (0, None)
    advance(37)
    run()
    assert state_of(event) == ("applied", "The gateway was asked: succeeded.")
