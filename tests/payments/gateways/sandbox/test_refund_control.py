"""Refunds of the gateway's dashboard, refunds that end later or come back, and the time for which there can be any."""

from collections.abc import Iterator
from typing import Any

import pytest

from payments.gateways.base import Kind
from tests.payments.gateways.refund_builders import charged, refund_look_up_of
from tests.sandbox import SandboxProcess


@pytest.fixture
def patient(sandbox: SandboxProcess) -> Iterator[SandboxProcess]:
    """A gateway with its usual 180 days again afterwards."""
    yield sandbox
    sandbox.control("refund_days", days=180)


def told(sandbox: SandboxProcess, reference: str) -> list[tuple[str, str, int]]:
    """Return each refund event about a payment: its type, the refund's status, and what is given back of the charge."""
    return [
        (event["type"], event["data"]["refund"]["status"], event["data"]["object"]["amount_refunded"])
        for event in sandbox.events(reference=reference)
        if event["type"].startswith("refund.")
    ]


def test_a_refund_of_the_dashboard_has_no_key_and_is_told(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    made = sandbox.control("refunds", charge=paid.id, amount=400, reason="goodwill")
    assert (made["idempotency_key"], made["amount"], made["reason"], made["status"]) == (
        None,
        400,
        "goodwill",
        "succeeded",
    )
    (refund,) = paid.refunds()
    assert made == {name: value for name, value in refund.items() if name != "created_ms"}
    assert told(sandbox, paid.payment_id) == [("refund.succeeded", "succeeded", 400)]
    assert sandbox.events(reference=paid.payment_id)[-1]["data"]["refund"] == made


def test_without_an_amount_the_dashboard_refunds_what_is_left_and_no_more(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    amounts = [sandbox.control("refunds", charge=paid.id, **amount)["amount"] for amount in ({"amount": 400}, {})]
    assert amounts == [400, 600]
    for more in ({}, {"amount": 1}):
        reply = sandbox.call("POST", "/control/refunds", json={"charge": paid.id, **more})
        assert (reply.status_code, reply.json()["error"]["decline_code"]) == (402, "amount_exceeds_refundable")
    assert len(paid.refunds()) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        *(([], 400), ({"charge": "ch_none"}, 404), ({}, 404), ({"amount": 0}, 400), ({"amount": 1.5}, 400)),
        *(({"amount": True}, 400), ({"reason": "Very sorry"}, 400), ({"reason": 1}, 400), ({"key": "k"}, 400)),
    ],
)
def test_a_refund_of_the_dashboard_that_cannot_be_is_refused(sandbox: SandboxProcess, body: Any, status: int) -> None:
    before = len(sandbox.call("GET", "/control/ledger").json()["refunds"])
    assert sandbox.call("POST", "/control/refunds", json=body).status_code == status
    assert len(sandbox.call("GET", "/control/ledger").json()["refunds"]) == before


def test_a_refund_that_comes_back_is_declined_and_its_amount_is_free_again(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish(1000)
    made = paid.adapter.refund(wish)
    failed = sandbox.control(f"refunds/{made.reference}/fail", code="bank_account_closed")
    assert (failed["status"], failed["failure_code"]) == ("failed", "bank_account_closed")
    for reference in ("", made.reference):
        outcome = paid.adapter.look_up_refund(refund_look_up_of(wish, reference=reference))
        assert (outcome.kind, outcome.reason, outcome.decline_code, outcome.reference) == (
            Kind.DECLINED,
            "failed",
            "bank_account_closed",
            made.reference,
        )
    assert told(sandbox, paid.payment_id) == [("refund.succeeded", "succeeded", 1000), ("refund.failed", "failed", 0)]
    assert paid.adapter.refund(paid.wish(1000)).kind is Kind.SUCCEEDED


@pytest.mark.parametrize(
    ("end", "members", "kind", "event"),
    [
        ("succeed", {}, Kind.SUCCEEDED, ("refund.succeeded", "succeeded", 300)),
        ("fail", {"code": "account_closed"}, Kind.DECLINED, ("refund.failed", "failed", 0)),
    ],
)
def test_a_pending_refund_ends_when_it_is_told_to(
    sandbox: SandboxProcess, end: str, members: dict[str, Any], kind: Kind, event: tuple[str, str, int]
) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("pending", operation="refund", count=1)
    made = paid.adapter.refund(wish)
    sandbox.control(f"refunds/{made.reference}/{end}", **members)
    assert paid.adapter.look_up_refund(refund_look_up_of(wish)).kind is kind
    assert told(sandbox, paid.payment_id) == [("refund.created", "pending", 300), event]


def test_an_end_is_an_end(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    made = paid.adapter.refund(paid.wish()).reference
    assert sandbox.call("POST", f"/control/refunds/{made}/succeed").status_code == 409
    sandbox.control(f"refunds/{made}/fail", code="account_closed")
    for end in ("fail", "succeed"):
        reply = sandbox.call("POST", f"/control/refunds/{made}/{end}", json={"code": "other"})
        assert (reply.status_code, reply.json()["error"]["code"]) == (409, "refund_ended")
    (refund,) = paid.refunds()
    assert (refund["status"], refund["failure_code"]) == ("failed", "account_closed")
    assert len(told(sandbox, paid.payment_id)) == 2


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        *(("refunds/re_none/fail", {"code": "a"}, 404), ("refunds/re_none/succeed", {}, 404)),
        *(("refunds/re_none/fail", {"code": "No"}, 400), ("refunds/re_none/fail", {}, 400)),
        *(("refund_days", {"days": -1}, 400), ("refund_days", {}, 400), ("refund_days", [], 400)),
        *(("charges/ch_none/age", {"days": 1}, 404), ("charges/ch_none/age", {"days": "x"}, 400)),
    ],
)
def test_what_cannot_be_done_is_refused(sandbox: SandboxProcess, path: str, body: Any, status: int) -> None:
    assert sandbox.call("POST", f"/control/{path}", json=body).status_code == status


@pytest.mark.parametrize(("days", "kind"), [(179.9, Kind.SUCCEEDED), (180.001, Kind.DECLINED), (400, Kind.DECLINED)])
def test_after_180_days_a_charge_cannot_be_refunded(sandbox: SandboxProcess, days: float, kind: Kind) -> None:
    paid = charged(sandbox)
    before = sandbox.charges(reference=paid.payment_id)
    sandbox.control(f"charges/{paid.id}/age", days=days)
    outcome = paid.adapter.refund(paid.wish())
    assert (outcome.kind, outcome.decline_code) == (kind, "" if kind is Kind.SUCCEEDED else "refund_window_over")
    assert len(paid.refunds()) == (kind is Kind.SUCCEEDED)
    # Only the time for refunds is older; what the gateway says of the charge is not.
    assert sandbox.charges(reference=paid.payment_id)[0]["created_ms"] == before[0]["created_ms"]


def test_ages_add_up_and_are_one_charges_own(sandbox: SandboxProcess) -> None:
    paid, other = charged(sandbox), charged(sandbox)
    for _ in range(2):
        sandbox.control(f"charges/{paid.id}/age", days=91)
    assert paid.adapter.refund(paid.wish()).decline_code == "refund_window_over"
    assert other.adapter.refund(other.wish()).kind is Kind.SUCCEEDED


def test_a_gateway_can_have_a_shorter_time(patient: SandboxProcess) -> None:
    paid = charged(patient)
    patient.control(f"charges/{paid.id}/age", days=2)
    patient.control("refund_days", days=1)
    assert paid.adapter.refund(paid.wish()).decline_code == "refund_window_over"
    patient.control("refund_days", days=3)
    assert paid.adapter.refund(paid.wish()).kind is Kind.SUCCEEDED
