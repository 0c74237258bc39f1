"""Every kind of fault on the refund path, as the adapter hears it, and what the ledger says afterwards (C1 to C3)."""

import time
from typing import Any

import pytest

from payments.gateways.base import Kind
from payments.gateways.sandbox.answers import Answer
from payments.gateways.sandbox.breakage import KINDS
from payments.gateways.sandbox.framing import framed
from tests.payments.gateways.refund_builders import charged, refund_look_up_of
from tests.sandbox import SandboxProcess, wait_until

UNKNOWN, NOT_SENT = Kind.UNKNOWN, Kind.NOT_SENT

# kind, params, what the adapter hears, refunds in the ledger afterwards
CASES: list[tuple[str, dict[str, Any], Kind, str, int]] = [
    ("execute_then_hang", {}, UNKNOWN, "read_timeout", 1),
    ("hang_without_executing", {}, UNKNOWN, "read_timeout", 0),
    ("execute_then_close", {}, UNKNOWN, "closed", 1),
    ("close_without_executing", {}, UNKNOWN, "closed", 0),
    ("execute_then_reset", {}, UNKNOWN, "reset", 1),
    ("reset_without_executing", {}, UNKNOWN, "reset", 0),
    ("execute_late", {"seconds": 60}, UNKNOWN, "closed", 0),
    ("execute_twice", {}, Kind.SUCCEEDED, "succeeded", 2),
    ("delay", {"delay_ms": 100}, Kind.SUCCEEDED, "succeeded", 1),
    ("delay", {"delay_ms": 600}, UNKNOWN, "read_timeout", 0),
    ("decline", {"code": "refund_velocity"}, Kind.DECLINED, "declined", 0),
    ("pending", {}, Kind.PENDING, "pending", 1),
    ("status", {}, UNKNOWN, "server_error", 0),
    ("status", {"status": 500, "execute": True}, UNKNOWN, "server_error", 1),
    ("status", {"status": 500, "headers": {"Idempotent-Replayed": "true"}}, UNKNOWN, "server_error_replayed", 0),
    ("status", {"status": 503, "body": {"error": {"code": "maintenance"}}}, NOT_SENT, "maintenance", 0),
    ("status", {"status": 401}, NOT_SENT, "credentials_refused", 0),
    ("status", {"status": 403}, NOT_SENT, "credentials_refused", 0),
    ("status", {"status": 429, "headers": {"Retry-After": "7"}}, NOT_SENT, "rate_limited", 0),
    ("status", {"status": 404}, Kind.REJECTED, "rejected", 0),
    ("html_200", {}, UNKNOWN, "not_json", 1),
    ("html_200", {"execute": False}, UNKNOWN, "not_json", 0),
    ("empty_200", {}, UNKNOWN, "empty_body", 1),
    ("wrong_content_type", {}, UNKNOWN, "not_json", 1),
    ("cut_reply", {}, UNKNOWN, "cut_body", 1),
    ("cut_reply", {"end": "reset"}, UNKNOWN, "reset", 1),
    ("cut_reply", {"at_byte": 200, "framing": "chunked"}, UNKNOWN, "cut_body", 1),
    ("cut_reply", {"framing": "close"}, UNKNOWN, "not_json", 1),
    ("drip", {"interval_ms": 50}, UNKNOWN, "deadline", 1),
    ("huge_body", {}, UNKNOWN, "body_too_large", 1),
    ("gzip_body", {"bytes": 5_000_000}, UNKNOWN, "body_encoded", 1),
    ("redirect", {}, UNKNOWN, "redirect", 1),
    ("wrong_amount", {}, UNKNOWN, "amount_mismatch", 1),
    ("wrong_currency", {}, UNKNOWN, "currency_mismatch", 1),
    ("wrong_reference", {}, UNKNOWN, "reference_mismatch", 1),
    ("wrong_mode", {}, UNKNOWN, "mode_mismatch", 1),
    ("unknown_status", {}, UNKNOWN, "unknown_status", 1),
]


@pytest.mark.parametrize(("kind", "params", "heard", "reason", "refunds"), CASES)
def test_a_fault_is_heard_as_what_it_is_and_the_ledger_keeps_the_truth(
    sandbox: SandboxProcess, kind: str, params: dict[str, Any], heard: Kind, reason: str, refunds: int
) -> None:
    paid = charged(sandbox)
    sandbox.arm(kind, operation="refund", count=1, reference=paid.payment_id, params=params)
    outcome = paid.adapter.refund(paid.wish(deadline=0.5))
    assert (outcome.kind, outcome.reason) == (heard, reason)
    assert [refund["amount"] for refund in paid.refunds()] == [300] * refunds
    assert sandbox.faults()[-1]["fired"] == 1
    assert len(sandbox.charges(reference=paid.payment_id)) == 1


def test_every_kind_has_a_case() -> None:
    assert {case[0] for case in CASES} == set(KINDS)


LOST = ["execute_then_hang", "execute_then_close", "execute_then_reset", "cut_reply", "html_200", "drip", "status"]


@pytest.mark.parametrize("kind", LOST)
def test_after_a_lost_answer_the_same_key_and_a_look_up_tell_of_the_one_refund(
    sandbox: SandboxProcess, kind: str
) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm(kind, operation="refund", count=1, key=wish.key, params={"execute": True, "interval_ms": 2000})
    assert paid.adapter.refund(wish).kind is UNKNOWN
    found = paid.adapter.look_up_refund(refund_look_up_of(wish))
    again = paid.adapter.refund(wish)
    assert (found.kind, again.kind) == (Kind.SUCCEEDED, Kind.SUCCEEDED)
    assert [refund["id"] for refund in paid.refunds()] == [found.reference] == [again.reference]


@pytest.mark.parametrize(
    "kind", ["hang_without_executing", "close_without_executing", "reset_without_executing", "status"]
)
def test_what_was_not_executed_is_not_found_and_can_be_sent_again(sandbox: SandboxProcess, kind: str) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm(kind, operation="refund", count=1, key=wish.key)
    assert paid.adapter.refund(wish).kind is UNKNOWN
    assert paid.adapter.look_up_refund(refund_look_up_of(wish)).kind is Kind.NOT_FOUND
    assert paid.adapter.refund(wish).kind is Kind.SUCCEEDED
    assert len(paid.refunds()) == 1


def test_a_late_refund_is_not_found_first_and_in_use_meanwhile_and_there_in_the_end(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("execute_late", operation="refund", count=1, key=wish.key, params={"seconds": 0.4})
    assert paid.adapter.refund(wish).reason == "closed"
    assert paid.adapter.look_up_refund(refund_look_up_of(wish)).kind is Kind.NOT_FOUND
    again = paid.adapter.refund(wish)
    assert (again.kind, again.reason) == (UNKNOWN, "key_in_use")
    wait_until(lambda: paid.adapter.look_up_refund(refund_look_up_of(wish)).kind is Kind.SUCCEEDED)
    assert len(paid.refunds()) == 1


def test_a_late_refund_that_no_longer_fits_is_refused_when_its_time_comes(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    late = paid.wish(600)
    sandbox.arm("execute_late", operation="refund", count=1, key=late.key, params={"seconds": 0.3})
    assert paid.adapter.refund(late).kind is UNKNOWN
    assert paid.adapter.refund(paid.wish(600)).kind is Kind.SUCCEEDED
    wait_until(lambda: paid.adapter.refund(late).kind is not UNKNOWN)
    heard = paid.adapter.refund(late)
    assert (heard.kind, heard.decline_code) == (Kind.DECLINED, "amount_exceeds_refundable")
    assert [refund["amount"] for refund in paid.refunds()] == [600]


def test_two_refunds_under_one_key_are_told_and_people_look_at_them(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("execute_twice", operation="refund", count=1, key=wish.key)
    first = paid.adapter.refund(wish)
    outcome = paid.adapter.look_up_refund(refund_look_up_of(wish))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.SUCCEEDED, "duplicate_refunds", True)
    assert outcome.reference == first.reference
    assert {outcome.reference, *(other.reference for other in outcome.also)} == {each["id"] for each in paid.refunds()}
    assert len(outcome.also) == 1


def test_twice_is_once_where_the_second_would_be_too_much(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish(600)
    sandbox.arm("execute_twice", operation="refund", count=1, key=wish.key)
    assert paid.adapter.refund(wish).kind is Kind.SUCCEEDED
    assert [refund["amount"] for refund in paid.refunds()] == [600]


def test_an_armed_decline_is_saved_under_its_key(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("decline", operation="refund", key=wish.key, count=1, params={"code": "refund_velocity"})
    first = paid.adapter.refund(wish)
    assert (first.kind, first.decline_code, first.http_status) == (Kind.DECLINED, "refund_velocity", 402)
    assert paid.adapter.refund(wish) == first
    assert paid.refunds() == []


def test_a_pending_refund_holds_the_amount_and_succeeds_by_itself(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish(900)
    sandbox.arm("pending", operation="refund", key=wish.key, count=1, params={"seconds": 0.3})
    assert paid.adapter.refund(wish).kind is Kind.PENDING
    question = refund_look_up_of(wish)
    assert paid.adapter.look_up_refund(question).kind is Kind.PENDING
    assert paid.adapter.refund(paid.wish(200)).decline_code == "amount_exceeds_refundable"
    wait_until(lambda: paid.adapter.look_up_refund(question).kind is Kind.SUCCEEDED)
    # The saved reply is that of the first moment.
    assert paid.adapter.refund(wish).kind is Kind.PENDING
    types = [event["type"] for event in sandbox.events(reference=paid.payment_id)]
    assert types == ["charge.succeeded", "refund.created", "refund.succeeded"]


def test_a_pending_refund_without_a_time_stays_so(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("pending", operation="refund", key=wish.key, count=1)
    paid.adapter.refund(wish)
    time.sleep(0.2)
    assert paid.adapter.look_up_refund(refund_look_up_of(wish)).kind is Kind.PENDING


@pytest.mark.parametrize("framing", ["length", "close"])
@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_reply_cut_anywhere_is_unknown_and_its_refund_is_found(
    sandbox: SandboxProcess, framing: str, end: str
) -> None:
    paid = charged(sandbox, amount=100_000)
    whole = len(framed(Answer(200, paid.post(paid.wish(1).key, amount=1).content), framing))
    cuts = [*range(0, whole, 11), whole - 2, whole - 1]
    for at in cuts:
        wish = paid.wish(1)
        params = {"at_byte": at, "framing": framing, "end": end}
        sandbox.arm("cut_reply", operation="refund", key=wish.key, count=1, params=params)
        assert paid.adapter.refund(wish).kind is UNKNOWN, at
        assert paid.adapter.look_up_refund(refund_look_up_of(wish)).kind is Kind.SUCCEEDED, at
    assert len(paid.refunds()) == len(cuts) + 1


# Look-ups.


@pytest.mark.parametrize("aim", ["key", "reference"])
@pytest.mark.parametrize("known", [True, False], ids=["by id", "by key"])
def test_a_fault_of_look_ups_hits_only_the_refund_it_is_aimed_at(
    sandbox: SandboxProcess, aim: str, known: bool
) -> None:
    paid, other = charged(sandbox), charged(sandbox)
    wish, of_other = paid.wish(), other.wish()
    ids = [each.adapter.refund(asked).reference for each, asked in ((paid, wish), (other, of_other))]
    aims = {"key": wish.key, "reference": paid.payment_id}
    sandbox.arm("status", operation="refund_look_up", **{aim: aims[aim]}, params={"status": 500})
    places = [id_ if known else "" for id_ in ids]
    adapter = paid.adapter
    assert adapter.look_up_refund(refund_look_up_of(of_other, reference=places[1])).kind is Kind.SUCCEEDED
    assert adapter.look_up_refund(refund_look_up_of(wish, reference=places[0])).reason == "server_error"
    assert sandbox.faults()[0]["fired"] == 1


def test_a_look_up_of_a_refund_that_was_never_made_can_be_aimed_at_its_payment(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("close_without_executing", operation="refund", reference=paid.payment_id, count=1)
    sandbox.arm("status", operation="refund_look_up", reference=paid.payment_id, count=1, params={"status": 503})
    paid.adapter.refund(wish)
    reasons = [paid.adapter.look_up_refund(refund_look_up_of(wish)).reason for _ in range(2)]
    assert reasons == ["server_error", "not_found"]


@pytest.mark.parametrize("kind", ["wrong_amount", "wrong_currency", "wrong_reference", "wrong_mode"])
@pytest.mark.parametrize("known", [True, False], ids=["by id", "by key"])
def test_a_look_up_can_be_answered_about_another_refund(sandbox: SandboxProcess, kind: str, known: bool) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    reference = paid.adapter.refund(wish).reference
    sandbox.arm(kind, operation="refund_look_up", count=1)
    outcome = paid.adapter.look_up_refund(refund_look_up_of(wish, reference=reference if known else ""))
    assert (outcome.kind, outcome.reason, outcome.alert) == (UNKNOWN, kind.replace("wrong_", "") + "_mismatch", True)


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 422, 429, 500, 503])
def test_an_error_status_to_a_look_up_says_nothing_about_the_refund(sandbox: SandboxProcess, status: int) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    paid.adapter.refund(wish)
    sandbox.arm("status", operation="refund_look_up", params={"status": status})
    outcome = paid.adapter.look_up_refund(refund_look_up_of(wish))
    assert (outcome.kind, outcome.decline_code, outcome.reference) == (UNKNOWN, "", "")


@pytest.mark.parametrize(("query", "operation"), [("", "list"), ("?charge=ch_1", "list")])
def test_the_list_is_hit_by_faults_of_lists_alone(sandbox: SandboxProcess, query: str, operation: str) -> None:
    sandbox.arm("status", operation="refund_look_up", params={"status": 503})
    assert sandbox.call("GET", f"/v1/refunds{query}").status_code == 200
    sandbox.arm("status", operation=operation, count=1, params={"status": 503})
    assert [sandbox.call("GET", f"/v1/refunds{query}").status_code for _ in range(2)] == [503, 200]


def test_an_outage_is_not_sent_and_to_a_look_up_unknown(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    sandbox.arm("outage", seconds=0.6)
    time.sleep(0.3)
    refused, asked = paid.adapter.refund(wish), paid.adapter.look_up_refund(refund_look_up_of(wish))
    assert (refused.kind, refused.reason) == (NOT_SENT, "refused")
    assert (asked.kind, asked.reason) == (UNKNOWN, "refused")
    wait_until(lambda: paid.adapter.healthy(1.0))
    assert paid.refunds() == []


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "pending"},
        {"kind": "pending", "operation": "charge"},
        {"kind": "pending", "operation": "refund_look_up"},
        {"kind": "pending", "operation": "refund", "params": {"seconds": "soon"}},
        {"kind": "pending", "operation": "refund", "params": {"seconds": -1}},
        {"kind": "decline", "operation": "refund"},
        {"kind": "decline", "operation": "refund_look_up", "params": {"code": "a"}},
        {"kind": "decline", "operation": "refund", "params": {"code": "a", "network_advice": "do_not_try_again"}},
    ],
)
def test_a_fault_that_cannot_be_is_refused(sandbox: SandboxProcess, fault: dict[str, Any]) -> None:
    reply = sandbox.call("POST", "/control/faults", json=fault)
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "fault_invalid")
    assert sandbox.faults() == []
