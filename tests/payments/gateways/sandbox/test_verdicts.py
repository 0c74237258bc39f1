"""Declines on demand, and what the card networks advise after one (requirements B4, B8)."""

from typing import Any

import pytest

from payments.gateways.base import Kind
from tests.payments.gateways.builders import charge_request, gateway, look_up_of
from tests.sandbox import SandboxProcess


def advice(sandbox: SandboxProcess, payment_id: str) -> str | None:
    (charge,) = sandbox.charges(reference=payment_id)
    found: str | None = charge["network_advice"]
    return found


# Advice.


def test_do_not_try_again_is_heard_by_reply_and_by_look_up(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_do_not_try_again"), gateway(sandbox.url)
    for outcome in (adapter.charge(request), adapter.charge(request), adapter.look_up(look_up_of(request))):
        assert (outcome.kind, outcome.decline_code, outcome.never_again) == (Kind.DECLINED, "do_not_honor", True)
    assert advice(sandbox, request.payment_id) == "do_not_try_again"


def test_what_must_not_be_tried_again_is_not_cured_by_3d_secure(sandbox: SandboxProcess) -> None:
    outcome = gateway(sandbox.url).charge(charge_request(token="tok_do_not_try_again", request_three_d_secure=True))
    assert (outcome.kind, outcome.never_again) == (Kind.DECLINED, True)


@pytest.mark.parametrize(("token", "advised"), [("tok_try_again_later", "try_again_later"), ("tok_do_not_honor", None)])
def test_other_advice_and_none_leave_another_try_open(sandbox: SandboxProcess, token: str, advised: str | None) -> None:
    request, adapter = charge_request(token=token), gateway(sandbox.url)
    assert adapter.charge(request).never_again is False
    assert adapter.look_up(look_up_of(request)).never_again is False
    assert advice(sandbox, request.payment_id) == advised


def test_a_success_carries_no_advice(sandbox: SandboxProcess) -> None:
    request = charge_request()
    assert gateway(sandbox.url).charge(request).never_again is False
    assert advice(sandbox, request.payment_id) is None


# The fault `decline`.


def test_an_armed_decline_is_real_recorded_and_saved_under_its_key(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    sandbox.arm("decline", operation="charge", key=request.key, count=1, params={"code": "issuer_unavailable"})
    first = adapter.charge(request)
    assert (first.kind, first.decline_code, first.http_status) == (Kind.DECLINED, "issuer_unavailable", 402)
    assert (first.card_brand, first.never_again) == ("visa", False)
    (charge,) = sandbox.charges(reference=request.payment_id)
    assert (charge["status"], charge["decline_code"], charge["id"]) == (
        "declined",
        "issuer_unavailable",
        first.reference,
    )
    # The fault is used up, and still the key stands for the decline.
    assert adapter.charge(request) == first
    assert adapter.look_up(look_up_of(request)).decline_code == "issuer_unavailable"
    assert len(sandbox.charges(reference=request.payment_id)) == 1


def test_one_gateway_declines_what_the_next_charge_of_the_same_card_gets(sandbox: SandboxProcess) -> None:
    adapter = gateway(sandbox.url)
    sandbox.arm("decline", token="tok_77", count=2, params={"code": "do_not_honor"})
    kinds = [adapter.charge(charge_request(token=token)).kind for token in ("tok_77", "tok_78", "tok_77", "tok_77")]
    assert kinds == [Kind.DECLINED, Kind.SUCCEEDED, Kind.DECLINED, Kind.SUCCEEDED]


def test_an_armed_decline_stands_also_where_3d_secure_was_asked_for(sandbox: SandboxProcess) -> None:
    request = charge_request(request_three_d_secure=True)
    sandbox.arm("decline", reference=request.payment_id, params={"code": "do_not_honor"})
    assert gateway(sandbox.url).charge(request).decline_code == "do_not_honor"


def test_an_armed_decline_comes_before_what_the_token_would_do(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_charged_no_answer"), gateway(sandbox.url)
    sandbox.arm("decline", reference=request.payment_id, params={"code": "velocity"})
    assert adapter.charge(request).decline_code == "velocity"
    assert [charge["status"] for charge in sandbox.charges(reference=request.payment_id)] == ["declined"]


def test_an_armed_decline_can_forbid_another_try(sandbox: SandboxProcess) -> None:
    request = charge_request()
    params = {"code": "do_not_honor", "network_advice": "do_not_try_again"}
    sandbox.arm("decline", reference=request.payment_id, params=params)
    assert gateway(sandbox.url).charge(request).never_again is True


def test_a_token_that_nobody_minted_stays_unknown(sandbox: SandboxProcess) -> None:
    request = charge_request(token="tok_unheard_of")
    sandbox.arm("decline", reference=request.payment_id, params={"code": "velocity"})
    assert gateway(sandbox.url).charge(request).kind is Kind.REJECTED
    assert sandbox.charges(reference=request.payment_id) == []


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"params": {"code": ""}},
        {"params": {"code": "Capital"}},
        {"params": {"code": 7}},
        {"params": {"code": "x" * 65}},
        {"params": {"code": "velocity", "network_advice": "sometimes"}},
        {"params": {"code": "velocity", "network_advice": []}},
        {"params": {"code": "velocity"}, "operation": "look_up"},
    ],
)
def test_a_decline_that_cannot_be_is_refused(sandbox: SandboxProcess, fault: dict[str, Any]) -> None:
    reply = sandbox.call("POST", "/control/faults", json={"kind": "decline", **fault})
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "fault_invalid")
    assert sandbox.faults() == []
