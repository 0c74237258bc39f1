"""One charge per key: the first reply is kept and given again, whoever asks and whenever."""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox import SandboxProcess, sandbox_process


def order(**changes: Any) -> dict[str, Any]:
    return {
        "amount": 1000,
        "currency": "USD",
        "token": "tok_success",
        "reference": f"pay_{uuid.uuid4().hex}",
        **changes,
    }


def test_the_first_reply_is_replayed_byte_for_byte(sandbox: SandboxProcess) -> None:
    wanted = order()
    first = sandbox.charge("replay-1", **wanted)
    second = sandbox.charge("replay-1", **wanted)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.charges(reference=wanted["reference"])) == 1


def test_a_decline_is_replayed_too(sandbox: SandboxProcess) -> None:
    wanted = order(token="tok_insufficient_funds")
    first = sandbox.charge("replay-2", **wanted)
    assert (first.status_code, first.json()["error"]["decline_code"]) == (402, "insufficient_funds")
    assert sandbox.charge("replay-2", **wanted).content == first.content
    assert len(sandbox.charges(reference=wanted["reference"])) == 1


@pytest.mark.parametrize(
    "changes", [{"amount": 1001}, {"currency": "EUR"}, {"token": "tok_4242"}, {"metadata": {"a": "b"}}]
)
def test_a_key_with_other_parameters_is_refused_and_charges_nothing(
    sandbox: SandboxProcess, changes: dict[str, Any]
) -> None:
    wanted, key = order(), uuid.uuid4().hex
    sandbox.charge(key, **wanted)
    reply = sandbox.charge(key, **{**wanted, **changes})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "idempotency_key_reused")
    assert len(sandbox.charges(reference=wanted["reference"])) == 1


def test_the_order_of_parameters_does_not_matter(sandbox: SandboxProcess) -> None:
    wanted = order()
    sandbox.charge("order-1", **wanted)
    again = sandbox.charge("order-1", **dict(reversed(wanted.items())))
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_key_in_use_is_a_409_until_the_first_is_done(sandbox: SandboxProcess) -> None:
    wanted = order(token="tok_slow")
    slow = threading.Thread(target=sandbox.charge, args=("slow-1",), kwargs=wanted)
    slow.start()
    time.sleep(0.1)
    reply = sandbox.charge("slow-1", **wanted)
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    slow.join()
    assert sandbox.charge("slow-1", **wanted).headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.charges(reference=wanted["reference"])) == 1


def test_thirty_equal_requests_at_once_make_one_charge(sandbox: SandboxProcess) -> None:
    wanted = order()
    with ThreadPoolExecutor(30) as pool:
        replies = list(pool.map(lambda _: sandbox.charge("many-1", **wanted), range(30)))
    assert {reply.status_code for reply in replies} <= {200, 409}
    assert len({reply.content for reply in replies if reply.status_code == 200}) == 1
    assert len(sandbox.charges(reference=wanted["reference"])) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 0},
        {"amount": -1},
        {"amount": 10.5},
        {"amount": "10"},
        {"amount": True},
        {"amount": 2**53},
        {"currency": "usd"},
        {"currency": "XXX"},
        {"token": "4242424242424242"},
        {"token": "tok_nobody_knows"},
        {"reference": ""},
        {"reference": "with space"},
        {"return_url": "https://evil.test/"},
        {"return_url": "http://127.0.0.1:8000@evil.test/"},
        {"request_three_d_secure": "yes"},
        {"metadata": {"a": 1}},
        {"metadata": []},
        {"surprise": 1},
    ],
)
def test_a_request_that_is_not_valid_is_refused_and_its_key_stays_free(
    sandbox: SandboxProcess, changes: dict[str, Any]
) -> None:
    wanted, key = order(), uuid.uuid4().hex
    assert sandbox.charge(key, **{**wanted, **changes}).status_code == 400
    assert sandbox.charges(reference=wanted["reference"]) == []
    assert sandbox.charge(key, **wanted).status_code == 200


def test_a_request_without_a_key_is_refused(sandbox: SandboxProcess) -> None:
    reply = sandbox.call("POST", "/v1/charges", json=order())
    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "idempotency_key_invalid")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"[" * 100_000, b"\xff"])
def test_a_body_that_is_no_object_is_refused(sandbox: SandboxProcess, body: bytes) -> None:
    reply = sandbox.call("POST", "/v1/charges", data=body, headers={"Idempotency-Key": "k"})
    assert reply.status_code == 400


@pytest.mark.parametrize("secret", ["", "Bearer wrong", "Bearer ", "Basic sk_sandbox_test"])
@pytest.mark.parametrize("path", ["/v1/charges", "/v1/balance", "/control/ledger", "/control/faults"])
def test_nothing_is_told_without_the_secret(sandbox: SandboxProcess, secret: str, path: str) -> None:
    reply = sandbox.call("GET", path, headers={"Authorization": secret})
    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "unauthorised")


def test_a_key_is_forgotten_after_its_life_and_charges_again(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3", key_life=0.2) as sandbox:
        wanted = order()
        first = sandbox.charge("short", **wanted).json()
        assert sandbox.charge("short", **wanted).json()["id"] == first["id"]
        time.sleep(0.3)
        assert sandbox.charge("short", **wanted).json()["id"] != first["id"]
        assert len(sandbox.charges(reference=wanted["reference"])) == 2


def test_every_charge_request_is_logged_with_its_key_time_and_payload_hash(sandbox: SandboxProcess) -> None:
    wanted = order()
    before = time.time_ns() // 1_000_000
    sandbox.charge("log-1", **wanted)
    sandbox.charge("log-1", **wanted)
    sandbox.charge("log-1", **{**wanted, "amount": 7})
    logged = sandbox.requests(reference=wanted["reference"])
    assert [entry["idempotency_key"] for entry in logged] == ["log-1"] * 3
    assert logged[0]["payload_hash"] == logged[1]["payload_hash"] != logged[2]["payload_hash"]
    assert all(before <= entry["at_ms"] <= before + 10_000 for entry in logged)
