"""Every test token, sent by the adapter to the real server: outcome, ledger, and what a later look-up finds."""

import time

import pytest

from payments.gateways.base import Kind, Outcome
from payments.gateways.sandbox.scenarios import DECLINE_CODES, SCENARIOS
from tests.payments.gateways.builders import charge_request, gateway, look_up_of
from tests.sandbox import SandboxProcess


def words(outcome: Outcome) -> tuple[Kind, str]:
    return outcome.kind, outcome.reason


@pytest.mark.parametrize("token", ["tok_success", "tok_1", "tok_4242424242424242", "tok_visa_4242"])
def test_success_tokens_succeed(sandbox: SandboxProcess, token: str) -> None:
    request, adapter = charge_request(token=token), gateway(sandbox.url)
    outcome = adapter.charge(request)
    (charge,) = sandbox.charges(reference=request.payment_id)
    assert words(outcome) == (Kind.SUCCEEDED, "succeeded")
    assert outcome.reference == charge["id"]
    assert (charge["amount"], charge["currency"], charge["idempotency_key"]) == (1000, "USD", request.key)
    assert adapter.look_up(look_up_of(request)) == outcome


@pytest.mark.parametrize("code", DECLINE_CODES)
def test_decline_tokens_decline_with_their_code(sandbox: SandboxProcess, code: str) -> None:
    request, adapter = charge_request(token=f"tok_{code}"), gateway(sandbox.url)
    outcome = adapter.charge(request)
    assert (outcome.kind, outcome.decline_code, outcome.http_status) == (Kind.DECLINED, code, 402)
    assert (outcome.alert, outcome.opens_breaker) == (False, False)
    looked_up = adapter.look_up(look_up_of(request))
    assert (looked_up.kind, looked_up.decline_code, looked_up.reference) == (Kind.DECLINED, code, outcome.reference)
    assert sandbox.charges(reference=request.payment_id)[0]["status"] == "declined"


def test_every_code_of_requirement_b5_has_a_token() -> None:
    named = {
        "issuer_unavailable",
        "authentication_required",
        "insufficient_funds",
        "expired_card",
        "invalid_number",
        "stolen_card",
        "fraud_detected",
        "generic_decline",
    }
    assert {f"tok_{code}" for code in named} <= set(SCENARIOS)


def test_authentication_required_leads_to_the_challenge_page(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_authentication_required"), gateway(sandbox.url)
    outcome = adapter.charge(request)
    assert outcome.kind is Kind.ACTION_REQUIRED
    assert outcome.action_url == f"{sandbox.url}/3ds/{outcome.reference}"
    assert adapter.look_up(look_up_of(request)).kind is Kind.ACTION_REQUIRED


def test_slow_answers_after_its_time(sandbox: SandboxProcess) -> None:
    started = time.monotonic()
    outcome = gateway(sandbox.url, read_timeout=2).charge(charge_request(token="tok_slow"))
    assert outcome.kind is Kind.SUCCEEDED
    assert 0.3 <= time.monotonic() - started < 1.5


def test_charged_no_answer_is_unknown_and_the_same_key_or_a_look_up_tells_the_truth(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_charged_no_answer"), gateway(sandbox.url)
    assert words(adapter.charge(request)) == (Kind.UNKNOWN, "closed")
    (charge,) = sandbox.charges(reference=request.payment_id)
    assert adapter.look_up(look_up_of(request)).reference == charge["id"]
    again = adapter.charge(request)
    assert (again.kind, again.reference) == (Kind.SUCCEEDED, charge["id"])
    assert len(sandbox.charges(reference=request.payment_id)) == 1


def test_not_charged_no_answer_is_unknown_and_nothing_is_found(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_not_charged_no_answer"), gateway(sandbox.url)
    assert words(adapter.charge(request)) == (Kind.UNKNOWN, "closed")
    assert words(adapter.look_up(look_up_of(request))) == (Kind.NOT_FOUND, "not_found")
    assert sandbox.charges(reference=request.payment_id) == []
    assert len(sandbox.requests(reference=request.payment_id)) == 1


@pytest.mark.parametrize("token", ["tok_not_charged_no_answer", "tok_charged_no_answer"])
@pytest.mark.parametrize("kind", ["delay", "wrong_content_type", "drip"])
def test_a_fault_on_top_does_not_bring_the_lost_answer_back(sandbox: SandboxProcess, token: str, kind: str) -> None:
    request, charges = charge_request(token=token), 0 if token == "tok_not_charged_no_answer" else 1
    sandbox.arm(kind, count=1, reference=request.payment_id, params={"delay_ms": 50, "interval_ms": 1})
    assert words(gateway(sandbox.url).charge(request)) == (Kind.UNKNOWN, "closed")
    assert len(sandbox.charges(reference=request.payment_id)) == charges


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("execute_then_hang", "read_timeout"), ("execute_then_reset", "reset"), ("html_200", "not_json")],
)
def test_a_fault_that_keeps_the_answer_back_does_it_its_own_way(
    sandbox: SandboxProcess, kind: str, reason: str
) -> None:
    request = charge_request(token="tok_charged_no_answer")
    sandbox.arm(kind, count=1, reference=request.payment_id)
    assert words(gateway(sandbox.url).charge(request)) == (Kind.UNKNOWN, reason)


def test_charged_then_500_replays_the_error_so_that_only_a_look_up_tells(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_charged_then_500"), gateway(sandbox.url)
    assert words(adapter.charge(request)) == (Kind.UNKNOWN, "server_error")
    assert words(adapter.charge(request)) == (Kind.UNKNOWN, "server_error_replayed")
    assert words(adapter.look_up(look_up_of(request))) == (Kind.SUCCEEDED, "succeeded")
    assert len(sandbox.charges(reference=request.payment_id)) == 1


def test_500_charges_nothing(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_500"), gateway(sandbox.url)
    assert words(adapter.charge(request)) == (Kind.UNKNOWN, "server_error")
    assert words(adapter.charge(request)) == (Kind.UNKNOWN, "server_error_replayed")
    assert adapter.look_up(look_up_of(request)).kind is Kind.NOT_FOUND
    assert sandbox.charges(reference=request.payment_id) == []


def test_429_charges_nothing_and_says_when_to_come_back(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_429"), gateway(sandbox.url)
    outcome = adapter.charge(request)
    assert (outcome.kind, outcome.reason, outcome.retry_after) == (Kind.NOT_SENT, "rate_limited", 2)
    assert sandbox.charges(reference=request.payment_id) == []


def test_wrong_amount_is_quarantined_by_reply_and_by_look_up(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_wrong_amount"), gateway(sandbox.url)
    for outcome in (adapter.charge(request), adapter.look_up(look_up_of(request))):
        assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "amount_mismatch", True)
    assert sandbox.charges(reference=request.payment_id)[0]["amount"] == 1001


def test_a_token_nobody_minted_is_rejected(sandbox: SandboxProcess) -> None:
    outcome = gateway(sandbox.url).charge(charge_request(token="tok_unheard_of"))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.REJECTED, "rejected", True)


def test_a_wrong_secret_is_not_sent_with_an_alert(sandbox: SandboxProcess) -> None:
    adapter = gateway(sandbox.url, secret="wrong")
    outcome = adapter.charge(charge_request())
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.NOT_SENT, "credentials_refused", True)
    looked_up = adapter.look_up(look_up_of(charge_request()))
    assert (looked_up.kind, looked_up.reason, looked_up.alert) == (Kind.UNKNOWN, "credentials_refused", True)


def test_health_is_told_without_a_secret(sandbox: SandboxProcess) -> None:
    assert gateway(sandbox.url, secret="wrong").healthy(1.0) is True
    assert gateway("http://127.0.0.1:1").healthy(1.0) is False
