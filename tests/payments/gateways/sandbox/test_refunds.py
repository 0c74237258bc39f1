"""Refunds at the sandbox gateway: never more than was taken, one per key, and only where its rules allow them."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from payments.gateways.base import Kind
from tests.payments.gateways.builders import charge_request, gateway, void_of
from tests.payments.gateways.refund_builders import Charged, charged
from tests.sandbox import SandboxProcess, sandbox_process


def new_key() -> str:
    return f"rf_{uuid.uuid4().hex[:26]}"


def refusal(reply: Any) -> tuple[int, str, str]:
    problem = reply.json()["error"]
    return reply.status_code, problem["code"], problem.get("decline_code", "")


def charge_of(paid: Charged) -> dict[str, Any]:
    found: dict[str, Any] = paid.sandbox.call("GET", f"/v1/charges/{paid.id}").json()
    return found


def test_a_refund_is_the_object_that_the_api_documents(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    reply = paid.post(key, metadata={"a": "b"})
    made = reply.json()
    assert reply.status_code == 200
    assert made == {
        "id": made["id"],
        "object": "refund",
        "status": "succeeded",
        "amount": 300,
        "currency": "USD",
        "charge": paid.id,
        "reference": paid.payment_id,
        "livemode": False,
        "created": made["created"],
        "failure_code": None,
        "reason": "customer_request",
        "idempotency_key": key,
    }
    assert made["id"].startswith("re_")
    assert charge_of(paid)["created"] <= made["created"] <= charge_of(paid)["created"] + 5
    assert sandbox.call("GET", f"/v1/refunds/{made['id']}").json() == made


def test_partial_refunds_add_up_to_all_of_it_and_not_one_unit_more(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    assert [paid.post(new_key(), amount=amount).status_code for amount in (300, 699)] == [200, 200]
    assert refusal(paid.post(new_key(), amount=2)) == (402, "refund_declined", "amount_exceeds_refundable")
    assert charge_of(paid)["amount_refunded"] == 999
    assert paid.post(new_key(), amount=1).status_code == 200
    assert refusal(paid.post(new_key(), amount=1)) == (402, "refund_declined", "amount_exceeds_refundable")
    assert [refund["amount"] for refund in paid.refunds()] == [1, 699, 300]
    assert (charge_of(paid)["amount_refunded"], charge_of(paid)["status"]) == (1000, "succeeded")


def test_fifty_at_once_of_30_00_on_100_00_are_three(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox, amount=10_000)

    def ask(_number: int) -> int:
        return int(paid.post(new_key(), amount=3000).status_code)

    with ThreadPoolExecutor(10) as threads:
        statuses = Counter(threads.map(ask, range(50)))
    assert statuses == {200: 3, 402: 47}
    assert [refund["amount"] for refund in paid.refunds()] == [3000, 3000, 3000]


# The key's rule, as of charges.


def test_the_same_request_again_gets_the_first_reply_and_refunds_once(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    first, second = paid.post(key), paid.post(key)
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(paid.refunds()) == 1


def test_two_keys_are_two_refunds_of_the_same_amount(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    ids = {paid.post(new_key()).json()["id"] for _ in range(2)}
    assert {refund["id"] for refund in paid.refunds()} == ids
    assert len(ids) == 2


def test_a_refusal_is_kept_for_its_key_even_when_there_is_room_again(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    first = paid.post(new_key(), amount=1000).json()
    refused = paid.post(key)
    sandbox.control(f"refunds/{first['id']}/fail", code="bank_account_closed")
    assert paid.post(key).content == refused.content
    assert [refund["id"] for refund in paid.refunds()] == [first["id"]]
    assert paid.post(new_key()).status_code == 200


@pytest.mark.parametrize("changes", [{"amount": 301}, {"reason": "duplicate"}, {"metadata": {"a": "b"}}])
def test_a_key_with_other_parameters_is_refused_and_refunds_nothing(
    sandbox: SandboxProcess, changes: dict[str, Any]
) -> None:
    paid, key = charged(sandbox), new_key()
    paid.post(key)
    assert refusal(paid.post(key, **changes)) == (422, "idempotency_key_reused", "")
    assert len(paid.refunds()) == 1


def test_a_key_of_a_charge_is_no_key_of_a_refund(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    assert refusal(paid.post(paid.request.key)) == (422, "idempotency_key_reused", "")
    assert paid.refunds() == []


def test_a_key_in_progress_is_refused_meanwhile(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    sandbox.arm("execute_late", operation="refund", key=key, count=1, params={"seconds": 60})
    with pytest.raises(OSError, match="closed connection"):
        paid.post(key)
    assert refusal(paid.post(key)) == (409, "idempotency_key_in_use", "")
    assert paid.refunds() == []


def test_many_requests_at_once_under_one_key_refund_once(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    with ThreadPoolExecutor(10) as threads:
        statuses = set(threads.map(lambda _: paid.post(key).status_code, range(30)))
    assert statuses <= {200, 409}
    assert len(paid.refunds()) == 1


def test_a_refund_and_its_saved_reply_survive_the_process_together(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        paid, key = charged(sandbox), new_key()
        sandbox.arm("execute_then_close", operation="refund", count=1)
        with pytest.raises(OSError, match="closed connection"):
            paid.post(key)
        sandbox.restart()
        again = paid.post(key)
        assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
        assert [refund["id"] for refund in paid.refunds()] == [again.json()["id"]]


# The gateway's rules.


@pytest.mark.parametrize("card", ["lost_card", "authentication_required"])
def test_a_charge_that_was_not_taken_cannot_be_refunded(sandbox: SandboxProcess, card: str) -> None:
    request = charge_request(token=f"tok_{card}")
    reference = gateway(sandbox.url).charge(request).reference
    body = {"charge": reference, "amount": 1, "currency": "USD"}
    reply = sandbox.call("POST", "/v1/refunds", json=body, headers={"Idempotency-Key": new_key()})
    assert refusal(reply) == (402, "refund_declined", "charge_not_refundable")
    assert sandbox.refunds(reference=request.payment_id) == []


def test_a_voided_charge_cannot_be_refunded(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    assert sandbox.call("POST", f"/v1/charges/{paid.id}/cancel").status_code == 200
    assert refusal(paid.post(new_key())) == (402, "refund_declined", "charge_not_refundable")
    assert paid.refunds() == []


@pytest.mark.parametrize(
    ("changes", "code"), [({"charge": "ch_none"}, "charge_unknown"), ({"currency": "EUR"}, "currency_mismatch")]
)
def test_another_charge_or_currency_is_refused(sandbox: SandboxProcess, changes: dict[str, Any], code: str) -> None:
    paid = charged(sandbox)
    assert refusal(paid.post(new_key(), **changes)) == (402, "refund_declined", code)
    assert paid.refunds() == []


def test_a_refunded_charge_cannot_be_voided_but_one_whose_refunds_failed_can(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    made = paid.post(new_key()).json()
    reply = sandbox.call("POST", f"/v1/charges/{paid.id}/cancel")
    assert refusal(reply) == (409, "charge_not_cancelable", "")
    assert paid.adapter.void(void_of(paid.request, paid.id)).kind is Kind.SUCCEEDED
    assert charge_of(paid)["status"] == "succeeded"
    sandbox.control(f"refunds/{made['id']}/fail", code="bank_account_closed")
    assert sandbox.call("POST", f"/v1/charges/{paid.id}/cancel").json()["status"] == "canceled"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 1.0},
        {"amount": True},
        {"amount": "300"},
        {"currency": "usd"},
        {"charge": ""},
        {"charge": "ch 1"},
        {"charge": None},
        {"reason": "Very sorry"},
        {"metadata": {"a": 1}},
        {"surprise": 1},
    ],
)
def test_a_malformed_request_is_refused_and_not_kept(sandbox: SandboxProcess, changes: dict[str, Any]) -> None:
    paid, key = charged(sandbox), new_key()
    assert paid.post(key, **changes).status_code == 400
    assert paid.refunds() == []
    assert paid.post(key).status_code == 200


@pytest.mark.parametrize(
    ("key", "body"), [("", b"{}"), ("k\u00e9".encode("latin-1"), b"{}"), ("k", b"["), ("k", b"[]")]
)
def test_what_is_no_request_is_refused(sandbox: SandboxProcess, key: str | bytes, body: bytes) -> None:
    reply = sandbox.call("POST", "/v1/refunds", data=body, headers={"Idempotency-Key": key})
    assert reply.status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("POST", "/v1/refunds"), ("GET", "/v1/refunds"), ("GET", "/v1/refunds/re_1"), ("GET", "/v1/disputes/dp_1")),
        *(("POST", "/control/refunds"), ("POST", "/control/disputes"), ("POST", "/control/refund_days")),
    ],
)
def test_everything_needs_the_secret(sandbox: SandboxProcess, method: str, path: str) -> None:
    assert sandbox.call(method, path, headers={"Authorization": "Bearer wrong"}).status_code == 401


# Look-ups, lists, the log.


def test_refunds_are_found_by_id_by_key_and_by_charge(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    made, other = paid.post(key).json(), paid.post(new_key()).json()
    of_another = charged(sandbox).post(new_key()).json()
    by_key = sandbox.call("GET", "/v1/refunds", params={"idempotency_key": key}).json()
    by_charge = sandbox.call("GET", "/v1/refunds", params={"charge": paid.id}).json()
    assert by_key == {"object": "list", "data": [made], "has_more": False}
    assert by_charge == {"object": "list", "data": [other, made], "has_more": False}
    assert sandbox.call("GET", "/v1/refunds", params={"limit": 1}).json()["data"] == [of_another]
    assert sandbox.call("GET", "/v1/refunds/re_none").status_code == 404


def test_lists_go_newest_first_by_cursor_and_say_whether_there_is_more(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        paid = charged(sandbox)
        ids = [paid.post(f"k{number}", amount=1).json()["id"] for number in range(7)]
        seen: list[str] = []
        more, after = True, dict[str, str]()
        while more:
            page = sandbox.call("GET", "/v1/refunds", params={"limit": 3, **after}).json()
            seen += [refund["id"] for refund in page["data"]]
            more, after = page["has_more"], {"starting_after": seen[-1]}
        assert seen == ids[::-1]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "starting_after=re_none"])
def test_a_list_that_cannot_be_is_refused(sandbox: SandboxProcess, query: str) -> None:
    assert sandbox.call("GET", f"/v1/refunds?{query}").status_code == 400


def test_the_balance_is_less_by_what_is_given_back_and_what_disputes_hold(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:

        def balance() -> int:
            (entry,) = sandbox.call("GET", "/v1/balance").json()["available"]
            return int(entry["amount"])

        paid, disputed = charged(sandbox), charged(sandbox)
        made = paid.post(new_key()).json()
        assert balance() == 1700
        dispute = sandbox.control("disputes", charge=disputed.id)
        assert balance() == 700
        sandbox.control(f"disputes/{dispute['id']}/close", status="won")
        assert balance() == 1700
        sandbox.control(f"refunds/{made['id']}/fail", code="bank_account_closed")
        assert balance() == 2000


def test_every_refund_request_is_logged_beside_the_charges(sandbox: SandboxProcess) -> None:
    paid, key = charged(sandbox), new_key()
    for changes in ({}, {}, {"amount": 7}):
        paid.post(key, **changes)
    logged = sandbox.refund_requests(reference=paid.payment_id)
    assert [(entry["operation"], entry["idempotency_key"], entry["charge"]) for entry in logged] == [
        ("refund", key, paid.id)
    ] * 3
    assert logged[0]["payload_hash"] == logged[1]["payload_hash"] != logged[2]["payload_hash"]
    everything = sandbox.call("GET", "/control/requests", params={"reference": paid.payment_id}).json()["requests"]
    assert [entry["operation"] for entry in everything] == ["charge", "refund", "refund", "refund"]
    assert len(sandbox.requests(reference=paid.payment_id)) == 1
