"""Disputes at the sandbox gateway, and what its adapter hears of them."""

import time
from typing import Any, Final

import pytest

from payments.gateways.after_capture import DisputeReport, DisputeRequest
from payments.gateways.base import Kind
from tests.payments.gateways.builders import charge_request, encoded, gateway
from tests.payments.gateways.raw import raw_server, says, whole
from tests.payments.gateways.refund_builders import Charged, charged
from tests.sandbox import SandboxProcess, wait_until

DISPUTE: Final = {
    "id": "dp_1",
    "object": "dispute",
    "status": "open",
    "amount": 1000,
    "currency": "USD",
    "charge": "ch_1",
    "reference": "pay_1",
    "livemode": False,
    "created": 1_800_000_000,
    "reason": "fraudulent",
    "due_by": 1_801_000_000,
}


def asked(reference: str) -> DisputeRequest:
    return DisputeRequest(reference, time.monotonic() + 5)


def opened(paid: Charged, **members: Any) -> dict[str, Any]:
    return paid.sandbox.control("disputes", charge=paid.id, **members)


def types(paid: Charged) -> list[str]:
    return [event["type"] for event in paid.sandbox.events(reference=paid.payment_id)]


def heard(document: Any, status: str = "200 OK") -> DisputeReport:
    """Return what the adapter makes of this reply to the question about dp_1."""
    with raw_server(says(whole(encoded(document), status))) as server:
        return gateway(server.url).look_up_dispute(asked("dp_1"))


def test_a_dispute_is_told_and_found(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    dispute = opened(paid, amount=600, reason="product_not_received", due_by=1_900_000_000)
    assert paid.adapter.look_up_dispute(asked(dispute["id"])) == DisputeReport(
        "open",
        reference=dispute["id"],
        charge=paid.id,
        payment_id=paid.payment_id,
        amount=600,
        currency="USD",
        reason="product_not_received",
        due_by=1_900_000_000,
        created=dispute["created"],
        live=False,
    )
    event = sandbox.events(reference=paid.payment_id)[-1]
    assert (event["type"], event["data"]["dispute"], event["data"]["object"]["id"]) == (
        "dispute.created",
        dispute,
        paid.id,
    )
    assert dispute["id"] in {each["id"] for each in sandbox.call("GET", "/control/ledger").json()["disputes"]}


def test_a_dispute_is_about_the_whole_charge_and_due_in_two_weeks_if_nothing_else_is_said(
    sandbox: SandboxProcess,
) -> None:
    dispute = opened(charged(sandbox))
    assert (dispute["amount"], dispute["reason"]) == (1000, "general")
    assert dispute["due_by"] - dispute["created"] in {14 * 86_400, 14 * 86_400 + 1}


@pytest.mark.parametrize(
    ("status", "amount", "refundable"), [("won", 600, 1000), ("lost", 600, 400), ("lost", 999, 1), ("won", 1000, 1000)]
)
def test_an_open_dispute_holds_all_refunds_and_its_end_leaves_what_is_left(
    sandbox: SandboxProcess, status: str, amount: int, refundable: int
) -> None:
    paid = charged(sandbox)
    dispute = opened(paid, amount=amount)
    refused = paid.adapter.refund(paid.wish(1))
    assert (refused.kind, refused.decline_code) == (Kind.DECLINED, "charge_disputed")
    assert sandbox.control(f"disputes/{dispute['id']}/close", status=status)["status"] == status
    assert paid.adapter.look_up_dispute(asked(dispute["id"])).status == status
    assert paid.adapter.refund(paid.wish(refundable + 1)).decline_code == "amount_exceeds_refundable"
    assert paid.adapter.refund(paid.wish(refundable)).kind is Kind.SUCCEEDED
    assert [refund["amount"] for refund in paid.refunds()] == [refundable]
    assert types(paid)[1:3] == ["dispute.created", "dispute.closed"]


def test_a_lost_dispute_of_all_of_it_leaves_nothing_to_refund(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    sandbox.control(f"disputes/{opened(paid)['id']}/close", status="lost")
    assert paid.adapter.refund(paid.wish(1)).decline_code == "amount_exceeds_refundable"
    reply = sandbox.call("POST", "/control/refunds", json={"charge": paid.id})
    assert (reply.status_code, reply.json()["error"]["decline_code"]) == (402, "amount_exceeds_refundable")
    assert paid.refunds() == []


def test_a_dispute_of_a_refunded_charge_can_be_opened(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    assert paid.adapter.refund(paid.wish(1000)).kind is Kind.SUCCEEDED
    assert opened(paid)["status"] == "open"


def test_a_disputed_charge_cannot_be_voided_unless_it_was_won(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    dispute = opened(paid)
    assert sandbox.call("POST", f"/v1/charges/{paid.id}/cancel").status_code == 409
    sandbox.control(f"disputes/{dispute['id']}/close", status="won")
    assert sandbox.call("POST", f"/v1/charges/{paid.id}/cancel").json()["status"] == "canceled"


def test_a_closed_dispute_stays_as_it_is(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    dispute = opened(paid)
    sandbox.control(f"disputes/{dispute['id']}/close", status="lost")
    reply = sandbox.call("POST", f"/control/disputes/{dispute['id']}/close", json={"status": "won"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "dispute_closed")
    assert paid.adapter.look_up_dispute(asked(dispute["id"])).status == "lost"
    assert types(paid) == ["charge.succeeded", "dispute.created", "dispute.closed"]


@pytest.mark.parametrize(
    ("members", "status"),
    [
        *(({"amount": 1001}, 400), ({"amount": 0}, 400), ({"reason": "No!"}, 400), ({"due_by": "soon"}, 400)),
        *(({"due_by": True}, 400), ({"charge": "ch_none"}, 404), ({"surprise": 1}, 400)),
    ],
)
def test_a_dispute_that_cannot_be_is_refused(sandbox: SandboxProcess, members: dict[str, Any], status: int) -> None:
    paid = charged(sandbox)
    reply = sandbox.call("POST", "/control/disputes", json={"charge": paid.id, **members})
    assert reply.status_code == status
    assert types(paid) == ["charge.succeeded"]


def test_a_charge_that_was_not_taken_is_not_disputed(sandbox: SandboxProcess) -> None:
    reference = gateway(sandbox.url).charge(charge_request(token="tok_lost_card")).reference
    assert sandbox.call("POST", "/control/disputes", json={"charge": reference}).status_code == 400


@pytest.mark.parametrize(("path", "status"), [("dp_none/close", 404), ("dp_none/close?", 400)])
def test_an_end_that_cannot_be_is_refused(sandbox: SandboxProcess, path: str, status: int) -> None:
    body = {"status": "won" if status == 404 else "settled"}
    assert sandbox.call("POST", f"/control/disputes/{path}", json=body).status_code == status


# What the adapter hears.


def test_a_dispute_that_nobody_knows_is_not_found(sandbox: SandboxProcess) -> None:
    assert gateway(sandbox.url).look_up_dispute(asked("dp_none")) == DisputeReport("not_found")


@pytest.mark.parametrize(
    ("kind", "params", "trouble", "breaker"),
    [
        ("execute_then_close", {}, "closed", True),
        ("execute_then_hang", {}, "read_timeout", True),
        ("html_200", {}, "not_json", True),
        ("empty_200", {}, "empty_body", True),
        ("cut_reply", {}, "cut_body", True),
        ("redirect", {}, "redirect", True),
        ("status", {"status": 500}, "server_error", True),
        ("status", {"status": 401}, "credentials_refused", True),
        ("status", {"status": 429, "headers": {"Retry-After": "7"}}, "rate_limited", False),
        ("wrong_mode", {}, "mode_mismatch", False),
        ("unknown_status", {}, "unknown_status", False),
    ],
)
def test_a_fault_of_the_look_up_is_unknown(
    sandbox: SandboxProcess, kind: str, params: dict[str, Any], trouble: str, breaker: bool
) -> None:
    paid = charged(sandbox)
    dispute = opened(paid)
    sandbox.arm(kind, operation="dispute_look_up", reference=paid.payment_id, count=1, params=params)
    report = paid.adapter.look_up_dispute(asked(dispute["id"]))
    assert (report.status, report.trouble, report.opens_breaker) == ("unknown", trouble, breaker)
    assert report.retry_after == (7 if "headers" in params else None)
    assert (report.charge, report.amount) == ("", 0)
    assert paid.adapter.look_up_dispute(asked(dispute["id"])).status == "open"


def test_an_outage_is_unknown(sandbox: SandboxProcess) -> None:
    adapter = gateway(sandbox.url)
    sandbox.arm("outage", seconds=0.5)
    time.sleep(0.25)
    report = adapter.look_up_dispute(asked("dp_1"))
    assert (report.status, report.trouble, report.opens_breaker) == ("unknown", "refused", True)
    wait_until(lambda: adapter.healthy(1.0))


def test_a_whole_dispute_is_believed() -> None:
    assert heard(DISPUTE).status == "open"


@pytest.mark.parametrize("name", sorted(DISPUTE))
@pytest.mark.parametrize("value", ["missing", None, [], 1.5, True])
def test_a_member_that_is_missing_or_of_another_type_makes_it_unknown(name: str, value: Any) -> None:
    document = {**DISPUTE, name: value}
    if value == "missing":
        del document[name]
    report = heard(document)
    assert (report.status, report.amount) == ("unknown", 0)


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [({"id": "dp_2"}, "reference_mismatch"), ({"livemode": True}, "mode_mismatch"), ({"amount": 0}, "schema")],
)
def test_another_dispute_is_unknown(changes: dict[str, Any], trouble: str) -> None:
    report = heard({**DISPUTE, **changes})
    assert (report.status, report.trouble) == ("unknown", trouble)


@pytest.mark.parametrize("status", ["201 Created", "400 Bad", "402 Pay", "409 Busy", "503 Down"])
def test_a_dispute_under_another_status_is_not_believed(status: str) -> None:
    assert heard(DISPUTE, status).status == "unknown"
