"""The sandbox gateway sends its events: signed, until they arrive, and spoiled where a fault is armed."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from payments.gateways.base import EventRefusedError
from tests.payments.gateways.receiver import Receiver, receiver
from tests.payments.gateways.refund_builders import charged
from tests.sandbox import SandboxProcess, sandbox_process, wait_until


@pytest.fixture(scope="module")
def receiving() -> Iterator[Receiver]:
    with receiver() as listening:
        yield listening


@pytest.fixture(scope="module")
def running(receiving: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    path = tmp_path_factory.mktemp("sandbox") / "primary.sqlite3"
    with sandbox_process(path, webhook_url=receiving.url) as sandbox:
        yield sandbox


@pytest.fixture
def sender(running: SandboxProcess) -> Iterator[SandboxProcess]:
    """A gateway that sends its events to `receiving`; its ledger is shared, so each test uses ids of its own."""
    yield running
    running.clear_faults()


def new_reference() -> str:
    return f"pay_{uuid.uuid4().hex[:26]}"


def charge(sandbox: SandboxProcess, reference: str, *, attempt: int = 1, card: str = "success") -> None:
    order = {"amount": 1000, "currency": "USD", "token": f"tok_{card}", "reference": reference}
    assert sandbox.charge(f"{reference}-a{attempt}", **order).status_code in {200, 402}


def delivery(sandbox: SandboxProcess, reference: str) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.events(reference=reference)[0]["delivery"]
    return found


def arm(sandbox: SandboxProcess, kind: str, reference: str, *, count: int | None = 1, **more: Any) -> None:
    counted = {} if count is None else {"count": count}
    sandbox.arm(kind, operation="webhook", reference=reference, **counted, **more)


def test_a_charge_is_told_at_once_and_signed(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    charge(sender, reference)
    (came,) = receiving.wait_for(reference, 1, seconds=2)
    (event,) = sender.events(reference=reference)
    notice = came.notice()
    assert (notice.event_id, notice.type, notice.payment_id) == (event["id"], "charge.succeeded", reference)
    assert (notice.reference, notice.key) == (event["data"]["object"]["id"], f"{reference}-a1")
    wait_until(lambda: delivery(sender, reference)["answer"] == "204")
    assert (delivery(sender, reference)["due_ms"], delivery(sender, reference)["tries"]) == (None, 1)


def test_an_event_is_sent_again_until_it_is_taken(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    receiving.answers[:] = [500, 302]
    charge(sender, reference)
    first, second, third = receiving.wait_for(reference, 3)
    assert {each.notice().event_id for each in (first, second, third)} == {sender.events(reference=reference)[0]["id"]}
    assert {each.body for each in (first, second, third)} == {first.body}
    assert 0.9 <= second.at - first.at < 2
    assert 1.9 <= third.at - second.at < 3.5
    wait_until(lambda: delivery(sender, reference)["delivered_ms"] is not None)
    assert delivery(sender, reference)["tries"] == 3


def test_a_lost_event_never_comes(sender: SandboxProcess, receiving: Receiver) -> None:
    reference, later = new_reference(), new_reference()
    arm(sender, "lose", reference)
    charge(sender, reference)
    charge(sender, later)
    receiving.wait_for(later, 1)
    assert receiving.about(reference) == []
    assert delivery(sender, reference) == {"due_ms": None, "tries": 1, "answer": "lost", "delivered_ms": None}


def test_a_repeated_event_comes_as_often_as_was_asked_for(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    arm(sender, "repeat", reference, params={"times": 4})
    charge(sender, reference)
    came = receiving.wait_for(reference, 4)
    assert {each.notice().event_id for each in came} == {sender.events(reference=reference)[0]["id"]}
    wait_until(lambda: delivery(sender, reference)["tries"] == 4)
    assert len(receiving.about(reference)) == 4


def test_a_delayed_event_comes_later_also_where_the_fault_has_no_end(
    sender: SandboxProcess, receiving: Receiver
) -> None:
    reference, other = new_reference(), new_reference()
    arm(sender, "delay", reference, count=None, params={"seconds": 1})
    charge(sender, reference)
    charge(sender, other)
    (at_once,) = receiving.wait_for(other, 1)
    (came,) = receiving.wait_for(reference, 1)
    assert 0.8 <= came.at - at_once.at < 3


def test_reordered_events_come_in_reverse(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    arm(sender, "reorder", reference, count=None, params={"seconds": 0.8})
    for attempt in (1, 2, 3):
        charge(sender, reference, attempt=attempt, card="insufficient_funds" if attempt < 3 else "success")
    came = receiving.wait_for(reference, 3)
    assert [each.notice().key for each in came] == [f"{reference}-a{attempt}" for attempt in (3, 2, 1)]


def test_a_forged_event_is_refused_and_the_next_try_is_the_true_one(
    sender: SandboxProcess, receiving: Receiver
) -> None:
    reference = new_reference()
    receiving.answers[:] = [400]
    arm(sender, "forge", reference)
    charge(sender, reference)
    forged, true = receiving.wait_for(reference, 2)
    with pytest.raises(EventRefusedError, match="bad_signature"):
        forged.notice()
    assert true.notice().payment_id == reference


def test_a_stale_event_is_rightly_signed_at_another_time(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    arm(sender, "stale", reference)
    charge(sender, reference)
    (came,) = receiving.wait_for(reference, 1)
    with pytest.raises(EventRefusedError, match="too_old"):
        came.notice()


def test_a_muted_gateway_tells_afterwards(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    arm(sender, "mute", reference, count=None)
    charge(sender, reference)
    wait_until(lambda: sender.faults()[-1]["fired"] >= 2)
    assert receiving.about(reference) == []
    sender.clear_faults()
    (came,) = receiving.wait_for(reference, 1)
    assert came.notice().payment_id == reference


def test_a_fault_can_be_aimed_at_one_type(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    arm(sender, "lose", reference, count=None, type="charge.failed")
    charge(sender, reference, attempt=1, card="insufficient_funds")
    charge(sender, reference, attempt=2)
    (came,) = receiving.wait_for(reference, 1)
    assert came.notice().type == "charge.succeeded"


def test_kinds_of_the_api_and_of_webhooks_are_not_mixed(sender: SandboxProcess) -> None:
    for kind, operation in (("lose", "charge"), ("html_200", "webhook"), ("outage", "webhook")):
        reply = sender.call("POST", "/control/faults", json={"kind": kind, "operation": operation, "seconds": 1})
        assert (reply.status_code, reply.json()["error"]["code"]) == (400, "fault_invalid")
    assert sender.faults() == []


def test_an_event_can_be_sent_again_on_demand(sender: SandboxProcess, receiving: Receiver) -> None:
    reference = new_reference()
    charge(sender, reference)
    receiving.wait_for(reference, 1)
    (event,) = sender.events(reference=reference)
    wait_until(lambda: delivery(sender, reference)["delivered_ms"] is not None)
    sender.resend(event["id"])
    assert [each.notice().event_id for each in receiving.wait_for(reference, 2)] == [event["id"]] * 2
    assert sender.call("POST", "/control/events/evt_none/resend").status_code == 404


def test_what_was_not_taken_is_sent_after_a_restart(tmp_path: Path) -> None:
    reference = new_reference()
    with receiver() as listening:
        listening.answers[:] = [503] * 2
        with sandbox_process(tmp_path / "ledger.sqlite3", webhook_url=listening.url) as sandbox:
            charge(sandbox, reference)
            listening.wait_for(reference, 1)
            sandbox.restart()
            came = listening.wait_for(reference, 3)
    assert len({each.notice().event_id for each in came}) == 1


def test_a_challenge_that_nobody_answers_is_told_without_anybody_asking(tmp_path: Path) -> None:
    reference = new_reference()
    order = {"amount": 1000, "currency": "USD", "token": "tok_authentication_required", "reference": reference}
    with receiver() as listening:
        path = tmp_path / "ledger.sqlite3"
        with sandbox_process(path, webhook_url=listening.url, challenge_life=0.3) as sandbox:
            sandbox.charge(f"{reference}-a1", **order)
            came = listening.wait_for(reference, 2)
    assert [each.notice().type for each in came] == ["charge.action_required", "charge.failed"]


def test_sigterm_ends_a_gateway_whose_events_nobody_takes(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3", webhook_url="http://127.0.0.1:1/nobody") as sandbox:
        reference = new_reference()
        charge(sandbox, reference)
        wait_until(lambda: delivery(sandbox, reference)["answer"] == "ClientConnectorError")
        assert sandbox.terminate() == 0


@pytest.mark.parametrize("url", ["http://192.0.2.1/x", "https://127.0.0.1/x", "http://a@127.0.0.1/x", "file:///x"])
def test_events_never_leave_this_machine(tmp_path: Path, url: str) -> None:
    with pytest.raises(RuntimeError, match="did not start"):
        sandbox_process(tmp_path / "ledger.sqlite3", webhook_url=url).__enter__()


def test_refunds_and_disputes_are_told_signed_and_named(sender: SandboxProcess, receiving: Receiver) -> None:
    paid = charged(sender, payment_id=new_reference())
    sender.arm("pending", operation="refund", count=1, reference=paid.payment_id, params={"seconds": 0.3})
    wish = paid.wish()
    made = paid.adapter.refund(wish)
    dispute = sender.control("disputes", charge=paid.id)
    came = receiving.wait_for(paid.payment_id, 4)
    notices = sorted((each.notice() for each in came), key=lambda notice: notice.type)
    assert [(notice.type, notice.about, notice.about_key) for notice in notices] == [
        ("charge.succeeded", "", ""),
        ("dispute.created", dispute["id"], ""),
        ("refund.created", made.reference, wish.key),
        ("refund.succeeded", made.reference, wish.key),
    ]
    assert {(notice.reference, notice.payment_id, notice.key) for notice in notices} == {
        (paid.id, paid.payment_id, paid.request.key)
    }


def test_a_refund_event_can_be_lost_alone(sender: SandboxProcess, receiving: Receiver) -> None:
    paid = charged(sender)
    arm(sender, "lose", paid.payment_id, type="refund.succeeded")
    assert paid.adapter.refund(paid.wish()).reference
    assert paid.adapter.refund(paid.wish()).reference
    came = receiving.wait_for(paid.payment_id, 2)
    assert [each.notice().type for each in came] == ["charge.succeeded", "refund.succeeded"]
    assert [event["delivery"]["answer"] for event in sender.events(reference=paid.payment_id)].count("lost") == 1
