"""Every kind of fault of the control API, as the adapter sees it, and what the ledger says afterwards."""

import time
from typing import Any

import pytest

from payments.gateways.base import Kind
from payments.gateways.sandbox.breakage import KINDS, PENDING
from payments.gateways.sandbox.framing import FRAMINGS
from tests.payments.gateways.builders import charge_request, gateway, look_up_of
from tests.sandbox import SandboxProcess, wait_until

UNKNOWN, NOT_SENT = Kind.UNKNOWN, Kind.NOT_SENT

# kind, other members, what the adapter hears, charges in the ledger afterwards
CASES: list[tuple[str, dict[str, Any], Kind, str, int]] = [
    ("execute_then_hang", {}, UNKNOWN, "read_timeout", 1),
    ("hang_without_executing", {}, UNKNOWN, "read_timeout", 0),
    ("execute_then_close", {}, UNKNOWN, "closed", 1),
    ("close_without_executing", {}, UNKNOWN, "closed", 0),
    ("execute_then_reset", {}, UNKNOWN, "reset", 1),
    ("reset_without_executing", {}, UNKNOWN, "reset", 0),
    ("execute_late", {"params": {"seconds": 60}}, UNKNOWN, "closed", 0),
    ("execute_twice", {}, Kind.SUCCEEDED, "succeeded", 2),
    ("delay", {"params": {"delay_ms": 100}}, Kind.SUCCEEDED, "succeeded", 1),
    ("delay", {"params": {"delay_ms": 600}}, UNKNOWN, "read_timeout", 0),
    ("decline", {"params": {"code": "issuer_unavailable"}}, Kind.DECLINED, "declined", 1),
    ("status", {}, UNKNOWN, "server_error", 0),
    ("status", {"params": {"status": 502, "execute": True, "body": "<html>"}}, UNKNOWN, "server_error", 1),
    ("status", {"params": {"status": 503, "headers": {"Retry-After": "9"}}}, UNKNOWN, "server_error", 0),
    ("status", {"params": {"status": 503, "body": {"error": {"code": "maintenance"}}}}, NOT_SENT, "maintenance", 0),
    ("status", {"params": {"status": 401}}, NOT_SENT, "credentials_refused", 0),
    ("status", {"params": {"status": 403}}, NOT_SENT, "credentials_refused", 0),
    ("status", {"params": {"status": 429, "headers": {"Retry-After": "7"}}}, NOT_SENT, "rate_limited", 0),
    ("html_200", {}, UNKNOWN, "not_json", 1),
    ("html_200", {"params": {"execute": False}}, UNKNOWN, "not_json", 0),
    ("empty_200", {}, UNKNOWN, "empty_body", 1),
    ("wrong_content_type", {}, UNKNOWN, "not_json", 1),
    ("cut_reply", {}, UNKNOWN, "cut_body", 1),
    ("cut_reply", {"params": {"end": "reset"}}, UNKNOWN, "reset", 1),
    ("cut_reply", {"params": {"at_byte": 0}}, UNKNOWN, "closed", 1),
    ("cut_reply", {"params": {"at_byte": 0, "end": "reset"}}, UNKNOWN, "reset", 1),
    ("cut_reply", {"params": {"at_byte": 10}}, UNKNOWN, "garbage_reply", 1),
    ("cut_reply", {"params": {"at_byte": 40}}, UNKNOWN, "empty_body", 1),
    ("cut_reply", {"params": {"at_byte": 40, "end": "reset"}}, UNKNOWN, "reset", 1),
    ("cut_reply", {"params": {"at_byte": 200, "framing": "chunked"}}, UNKNOWN, "cut_body", 1),
    ("cut_reply", {"params": {"at_byte": 200, "framing": "chunked", "end": "reset"}}, UNKNOWN, "reset", 1),
    ("cut_reply", {"params": {"framing": "close"}}, UNKNOWN, "not_json", 1),
    ("cut_reply", {"params": {"framing": "close", "end": "reset"}}, UNKNOWN, "reset", 1),
    *(
        ("cut_reply", {"params": {"at_byte": 9999, "framing": each}}, Kind.SUCCEEDED, "succeeded", 1)
        for each in FRAMINGS
    ),
    ("drip", {"params": {"interval_ms": 50}}, UNKNOWN, "deadline", 1),
    ("drip", {"params": {"interval_ms": 50, "where": "headers"}}, UNKNOWN, "deadline", 1),
    ("huge_body", {}, UNKNOWN, "body_too_large", 1),
    ("gzip_body", {"params": {"bytes": 5_000_000}}, UNKNOWN, "body_encoded", 1),
    ("redirect", {}, UNKNOWN, "redirect", 1),
    ("wrong_amount", {}, UNKNOWN, "amount_mismatch", 1),
    ("wrong_currency", {}, UNKNOWN, "currency_mismatch", 1),
    ("wrong_reference", {}, UNKNOWN, "reference_mismatch", 1),
    ("wrong_mode", {}, UNKNOWN, "mode_mismatch", 1),
    ("unknown_status", {}, UNKNOWN, "unknown_status", 1),
]


@pytest.mark.parametrize(("kind", "members", "heard", "reason", "charges"), CASES)
def test_a_fault_is_heard_as_what_it_is_and_the_ledger_keeps_the_truth(
    sandbox: SandboxProcess, kind: str, members: dict[str, Any], heard: Kind, reason: str, charges: int
) -> None:
    request, adapter = charge_request(deadline=0.5), gateway(sandbox.url)
    sandbox.arm(kind, count=1, reference=request.payment_id, **members)
    outcome = adapter.charge(request)
    assert (outcome.kind, outcome.reason) == (heard, reason)
    assert len(sandbox.charges(reference=request.payment_id)) == charges
    assert sandbox.faults()[-1]["fired"] == 1


def test_every_kind_but_that_of_refunds_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(KINDS) - {PENDING}


@pytest.mark.parametrize("kind", ["execute_then_close", "execute_then_reset", "execute_then_hang", "cut_reply"])
def test_the_same_key_gets_the_saved_reply_after_a_lost_one(sandbox: SandboxProcess, kind: str) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    sandbox.arm(kind, count=1, reference=request.payment_id)
    assert adapter.charge(request).kind is UNKNOWN
    assert adapter.charge(request).kind is Kind.SUCCEEDED
    assert len(sandbox.charges(reference=request.payment_id)) == 1


def test_a_late_execution_is_not_found_first_and_in_use_meanwhile_and_there_in_the_end(
    sandbox: SandboxProcess,
) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    sandbox.arm("execute_late", count=1, reference=request.payment_id, params={"seconds": 0.4})
    assert adapter.charge(request).reason == "closed"
    assert adapter.look_up(look_up_of(request)).kind is Kind.NOT_FOUND
    again = adapter.charge(request)
    assert (again.kind, again.reason) == (UNKNOWN, "key_in_use")
    wait_until(lambda: adapter.look_up(look_up_of(request)).kind is Kind.SUCCEEDED)
    assert adapter.charge(request).kind is Kind.SUCCEEDED
    assert len(sandbox.charges(reference=request.payment_id)) == 1


def test_a_count_is_used_up(sandbox: SandboxProcess) -> None:
    sandbox.arm("status", count=2, params={"status": 429})
    adapter = gateway(sandbox.url)
    reasons = [adapter.charge(charge_request()).reason for _ in range(4)]
    assert reasons == ["rate_limited", "rate_limited", "succeeded", "succeeded"]
    assert (sandbox.faults()[0]["fired"], sandbox.faults()[0]["count"]) == (2, 2)


def test_a_window_opens_and_closes(sandbox: SandboxProcess) -> None:
    sandbox.arm("status", after_seconds=0.2, seconds=0.3, params={"status": 429})
    adapter, heard = gateway(sandbox.url), []
    for _ in range(3):
        heard.append(adapter.charge(charge_request()).reason)
        time.sleep(0.3)
    assert heard == ["succeeded", "rate_limited", "succeeded"]


def test_a_probability_hits_some_and_spares_some(sandbox: SandboxProcess) -> None:
    sandbox.arm("status", probability=0.5, params={"status": 429})
    adapter = gateway(sandbox.url)
    reasons = [adapter.charge(charge_request()).reason for _ in range(60)]
    # Fewer than 10 or more than 50 of 60 happen once in ten million runs.
    assert 10 <= reasons.count("rate_limited") <= 50
    assert sandbox.faults()[0]["fired"] == reasons.count("rate_limited")


def test_a_fault_hits_only_its_token_and_operation(sandbox: SandboxProcess) -> None:
    sandbox.arm("status", token="tok_1", params={"status": 429})
    sandbox.arm("status", operation="look_up", count=1, params={"status": 500})
    sandbox.arm("status", operation="health", count=1, params={"status": 500})
    adapter, request = gateway(sandbox.url), charge_request()
    assert adapter.charge(charge_request(token="tok_1")).reason == "rate_limited"
    assert adapter.charge(request).kind is Kind.SUCCEEDED
    assert adapter.look_up(look_up_of(request)).reason == "server_error"
    assert adapter.look_up(look_up_of(request)).kind is Kind.SUCCEEDED
    assert [adapter.healthy(1.0), adapter.healthy(1.0)] == [False, True]


@pytest.mark.parametrize("operation", ["list", "cancel"])
def test_lists_and_voids_can_fail_too(sandbox: SandboxProcess, operation: str) -> None:
    reference = gateway(sandbox.url).charge(charge_request()).reference
    sandbox.arm("status", operation=operation, count=1, params={"status": 503})
    calls = {"list": ("GET", "/v1/charges"), "cancel": ("POST", f"/v1/charges/{reference}/cancel")}
    assert [sandbox.call(*calls[operation]).status_code for _ in range(2)] == [503, 200]


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency", "wrong_reference", "wrong_mode"])
def test_a_look_up_can_be_answered_about_another_charge(sandbox: SandboxProcess, kind: str) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    adapter.charge(request)
    sandbox.arm(kind, operation="look_up", count=1)
    outcome = adapter.look_up(look_up_of(request))
    assert (outcome.kind, outcome.reason, outcome.alert) == (UNKNOWN, kind.replace("wrong_", "") + "_mismatch", True)


def test_a_fault_hits_only_its_key_whether_charged_or_looked_up(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    sandbox.arm("status", key=request.key, count=1, params={"status": 429})
    sandbox.arm("status", operation="look_up", key=request.key, count=1, params={"status": 500})
    assert adapter.charge(charge_request()).kind is Kind.SUCCEEDED
    assert adapter.charge(request).reason == "rate_limited"
    assert adapter.look_up(look_up_of(charge_request())).kind is Kind.NOT_FOUND
    assert adapter.look_up(look_up_of(request)).reason == "server_error"
    assert adapter.look_up(look_up_of(request)).kind is Kind.NOT_FOUND


def test_faults_with_different_aims_are_tried_in_the_order_in_which_they_were_armed(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    sandbox.arm("status", reference=request.payment_id, count=1, params={"status": 429})
    sandbox.arm("status", count=1, params={"status": 401})
    sandbox.arm("status", token=request.token, key=request.key, count=1, params={"status": 500})
    reasons = [adapter.charge(request).reason for _ in range(4)]
    assert reasons == ["rate_limited", "credentials_refused", "server_error", "succeeded"]


def test_a_list_of_faults_is_armed_at_once(sandbox: SandboxProcess) -> None:
    faults = [{"kind": "status", "token": f"tok_{number}", "params": {"status": 429}} for number in range(1000, 1500)]
    reply = sandbox.call("POST", "/control/faults", json=faults)
    assert (reply.status_code, len(reply.json()["faults"])) == (201, 500)
    adapter = gateway(sandbox.url)
    assert adapter.charge(charge_request(token="tok_1499")).reason == "rate_limited"
    assert adapter.charge(charge_request(token="tok_1500")).kind is Kind.SUCCEEDED
    assert [fault["token"] for fault in sandbox.faults() if fault["fired"]] == ["tok_1499"]


def test_a_list_with_one_wrong_fault_arms_none(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("POST", "/control/faults", json=[{"kind": "status"}, {"kind": "sideways"}])
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "fault_invalid")
    assert sandbox.faults() == []


def test_faults_can_be_removed(sandbox: SandboxProcess) -> None:
    sandbox.arm("status")
    sandbox.clear_faults()
    assert sandbox.faults() == []
    assert gateway(sandbox.url).charge(charge_request()).kind is Kind.SUCCEEDED


def test_an_outage_refuses_everything_and_ends_by_itself(sandbox: SandboxProcess) -> None:
    adapter = gateway(sandbox.url)
    assert adapter.charge(charge_request()).kind is Kind.SUCCEEDED
    sandbox.arm("outage", seconds=0.6)
    time.sleep(0.3)
    outcome = adapter.charge(charge_request())
    assert (outcome.kind, outcome.reason) == (NOT_SENT, "refused")
    assert adapter.healthy(1.0) is False
    wait_until(lambda: adapter.healthy(1.0))
    assert adapter.charge(charge_request()).kind is Kind.SUCCEEDED


def test_the_latency_can_be_set(sandbox: SandboxProcess) -> None:
    sandbox.set_latency(150)
    started = time.monotonic()
    assert gateway(sandbox.url).charge(charge_request()).kind is Kind.SUCCEEDED
    assert 0.15 <= time.monotonic() - started < 0.45


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "sideways"},
        {"kind": "status", "operation": "dance"},
        {"kind": "status", "count": 0},
        {"kind": "status", "probability": 2},
        {"kind": "status", "seconds": "x"},
        {"kind": "status", "surprise": 1},
        {"kind": "status", "params": []},
        {"kind": "status", "key": 7},
        {"kind": "outage"},
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_a_reason(sandbox: SandboxProcess, fault: dict[str, Any]) -> None:
    reply = sandbox.call("POST", "/control/faults", json=fault)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "fault_invalid")
    assert reply.json()["error"]["message"]
    assert sandbox.faults() == []
