"""The sandbox gateway's events: written with every change of a charge, listed, and made on demand."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import SandboxProcess, sandbox_process, wait_until


def charged(sandbox: SandboxProcess, card: str = "success", **more: Any) -> str:
    """Charge 10.00 USD; return the payment's reference."""
    reference = f"pay_{uuid.uuid4().hex[:26]}"
    sandbox.charge(f"{reference}-a1", amount=1000, currency="USD", token=f"tok_{card}", reference=reference, **more)
    return reference


def types(sandbox: SandboxProcess, reference: str) -> list[str]:
    return [event["type"] for event in sandbox.events(reference=reference)]


@pytest.mark.parametrize(("card", "type_"), [("success", "charge.succeeded"), ("insufficient_funds", "charge.failed")])
def test_a_new_charge_is_one_event_with_the_charge_as_the_api_shows_it(
    sandbox: SandboxProcess, card: str, type_: str
) -> None:
    reference = charged(sandbox, card)
    (event,) = sandbox.events(reference=reference)
    (charge,) = sandbox.call("GET", f"/v1/charges?reference={reference}").json()["data"]
    assert event["id"].startswith("evt_")
    assert (event["type"], event["apiVersion"]) == (type_, "1")
    assert charge["created"] <= event["created"] <= charge["created"] + 5
    assert event["data"] == {"object": charge}


@pytest.mark.parametrize(
    ("choice", "type_"), [("approve", "charge.succeeded"), ("fail", "charge.failed"), ("cancel", "charge.voided")]
)
def test_a_three_d_secure_step_is_an_event_and_its_end_another(
    sandbox: SandboxProcess, choice: str, type_: str
) -> None:
    reference = charged(sandbox, "authentication_required")
    (charge,) = sandbox.charges(reference=reference)
    for _ in range(2):
        sandbox.call("POST", f"/3ds/{charge['id']}", data={"choice": choice})
    assert types(sandbox, reference) == ["charge.action_required", type_]
    assert sandbox.events(reference=reference)[1]["data"]["object"] == {
        name: value for name, value in sandbox.charges(reference=reference)[0].items() if name != "created_ms"
    }


def test_a_void_is_one_event_however_often_it_is_asked_for(sandbox: SandboxProcess) -> None:
    reference = charged(sandbox)
    (charge,) = sandbox.charges(reference=reference)
    for _ in range(2):
        assert sandbox.call("POST", f"/v1/charges/{charge['id']}/cancel").status_code == 200
    assert types(sandbox, reference) == ["charge.succeeded", "charge.voided"]
    assert sandbox.events(reference=reference)[1]["data"]["object"]["status"] == "canceled"


def test_a_refused_void_is_no_event(sandbox: SandboxProcess) -> None:
    reference = charged(sandbox, "insufficient_funds")
    (charge,) = sandbox.charges(reference=reference)
    assert sandbox.call("POST", f"/v1/charges/{charge['id']}/cancel").status_code == 409
    assert types(sandbox, reference) == ["charge.failed"]


def faulty(sandbox: SandboxProcess, kind: str, **params: Any) -> str:
    """Charge through a fault that spoils the answer; return the payment's reference."""
    reference = f"pay_{uuid.uuid4().hex[:26]}"
    sandbox.arm(kind, reference=reference, count=1, params=params)
    order = {"amount": 1000, "currency": "USD", "token": "tok_success", "reference": reference}
    try:
        sandbox.charge(f"{reference}-a1", **order)
    except OSError:
        # The answer is what the fault takes away.
        return reference
    return reference


@pytest.mark.parametrize(("kind", "count"), [("execute_then_close", 1), ("execute_late", 1), ("execute_twice", 2)])
def test_what_a_fault_executes_is_told_too(sandbox: SandboxProcess, kind: str, count: int) -> None:
    reference = faulty(sandbox, kind, seconds=0.1)
    wait_until(lambda: types(sandbox, reference) == ["charge.succeeded"] * count)
    charges = [charge["id"] for charge in reversed(sandbox.charges(reference=reference))]
    assert [event["data"]["object"]["id"] for event in sandbox.events(reference=reference)] == charges


@pytest.mark.parametrize("kind", ["close_without_executing", "reset_without_executing"])
def test_what_was_not_executed_is_not_told(sandbox: SandboxProcess, kind: str) -> None:
    assert types(sandbox, faulty(sandbox, kind)) == []


def test_a_challenge_that_nobody_answers_ends_with_an_event(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3", challenge_life=0.1) as sandbox:
        reference = charged(sandbox, "authentication_required")
        wait_until(lambda: sandbox.charges(reference=reference)[0]["status"] == "declined")
        assert types(sandbox, reference) == ["charge.action_required", "charge.failed"]
        assert sandbox.events(reference=reference)[1]["data"]["object"]["decline_code"] == "3ds_expired"


def test_the_list_is_newest_first_and_goes_on_after_an_event(sandbox: SandboxProcess) -> None:
    made = [sandbox.emit("made.up", object={"number": number})["id"] for number in range(3)]
    first = sandbox.call("GET", "/v1/events?limit=2").json()
    assert [event["id"] for event in first["data"]] == [made[2], made[1]]
    assert (first["object"], first["has_more"]) == ("list", True)
    assert first["data"][0].keys() == {"id", "type", "created", "apiVersion", "data"}
    rest = sandbox.call("GET", f"/v1/events?limit=1&starting_after={made[1]}").json()
    assert [event["id"] for event in rest["data"]] == [made[0]]


@pytest.mark.parametrize(
    ("query", "param"), [("limit=0", "limit"), ("limit=101", "limit"), ("starting_after=evt_none", "starting_after")]
)
def test_a_page_that_cannot_be_is_refused(sandbox: SandboxProcess, query: str, param: str) -> None:
    reply = sandbox.call("GET", f"/v1/events?{query}")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, param)


def test_the_list_needs_the_secret(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("GET", "/v1/events", headers={"Authorization": "Bearer wrong"})
    assert reply.status_code == 401


def test_a_dispute_can_be_made_up_about_a_charge(sandbox: SandboxProcess) -> None:
    reference = charged(sandbox)
    (charge,) = sandbox.charges(reference=reference)
    dispute = {"reason": "product_not_received", "amount": 1000, "due_by": 1_800_000_000}
    event = sandbox.emit("dispute.created", charge=charge["id"], dispute=dispute)
    assert event["data"]["object"]["id"] == charge["id"]
    told = event["data"]["dispute"]
    assert told == {"id": told["id"], "object": "dispute", "charge": charge["id"], **dispute}
    assert told["id"].startswith("dp_")


def test_a_newer_version_and_a_foreign_charge_can_be_made_up(sandbox: SandboxProcess) -> None:
    event = sandbox.emit("charge.turned", object={"object": "charge", "id": "ch_foreign"}, api_version="2")
    assert (event["type"], event["apiVersion"]) == ("charge.turned", "2")
    assert event["data"] == {"object": {"object": "charge", "id": "ch_foreign"}}


@pytest.mark.parametrize(
    "body",
    [
        *([], {}, {"type": ""}, {"type": "a"}, {"type": "a", "charge": "ch_none"}, {"type": "a", "object": 1}),
        *({"type": 1, "object": {}}, {"type": "a", "object": {}, "x": 1}, {"type": "a", "object": {}, "dispute": 1}),
    ],
)
def test_an_event_that_cannot_be_is_refused_and_not_written(sandbox: SandboxProcess, body: Any) -> None:
    before = len(sandbox.events())
    reply = sandbox.call("POST", "/control/events", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "event_invalid")
    assert len(sandbox.events()) == before


def test_nothing_is_due_where_nobody_wants_the_events(sandbox: SandboxProcess) -> None:
    reference = charged(sandbox)
    (event,) = sandbox.events(reference=reference)
    sandbox.resend(event["id"])
    (event,) = sandbox.events(reference=reference)
    assert event["delivery"] == {"due_ms": None, "tries": 0, "answer": None, "delivered_ms": None}


def test_a_charge_and_its_event_survive_the_process_together(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        reference = charged(sandbox)
        told = sandbox.events(reference=reference)
        sandbox.restart()
        assert sandbox.events(reference=reference) == told
        assert [each["status"] for each in sandbox.charges(reference=reference)] == ["succeeded"]
