"""Look-ups: by id, by key, by our reference; lists by cursor; voids; balance."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from payments.gateways.base import Kind
from tests.payments.gateways.builders import charge_object, charge_request, encoded, gateway, look_up_of, void_of
from tests.payments.gateways.raw import raw_server, says, whole
from tests.sandbox import SandboxProcess, sandbox_process


def test_a_charge_is_found_by_its_id_by_its_key_and_by_our_reference(sandbox: SandboxProcess) -> None:
    request = charge_request()
    charge = sandbox.charge(
        request.key, amount=1000, currency="USD", token="tok_success", reference=request.payment_id
    ).json()
    by_id = sandbox.call("GET", f"/v1/charges/{charge['id']}").json()
    by_key = sandbox.call("GET", "/v1/charges", params={"idempotency_key": request.key}).json()
    by_reference = sandbox.call("GET", "/v1/charges", params={"reference": request.payment_id}).json()
    assert by_id == charge
    assert by_key == by_reference == {"object": "list", "data": [charge], "has_more": False}


def test_a_known_id_is_asked_first(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    reference = adapter.charge(request).reference
    outcome = adapter.look_up(look_up_of(request, reference=reference))
    assert (outcome.kind, outcome.reference) == (Kind.SUCCEEDED, reference)


def test_an_id_nobody_knows_leads_on_to_the_key(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    reference = adapter.charge(request).reference
    outcome = adapter.look_up(look_up_of(request, reference="ch_unknown"))
    assert (outcome.kind, outcome.reference) == (Kind.SUCCEEDED, reference)


def test_another_attempt_of_the_same_payment_does_not_answer_for_this_one(sandbox: SandboxProcess) -> None:
    adapter, first = gateway(sandbox.url), charge_request(token="tok_do_not_honor")
    second = charge_request(payment_id=first.payment_id, key=f"{first.payment_id}-a2")
    assert adapter.charge(first).kind is Kind.DECLINED
    assert adapter.look_up(look_up_of(second)).kind is Kind.NOT_FOUND
    assert adapter.charge(second).kind is Kind.SUCCEEDED
    assert adapter.look_up(look_up_of(first)).kind is Kind.DECLINED
    assert adapter.look_up(look_up_of(second)).kind is Kind.SUCCEEDED


def test_two_charges_under_one_key_are_money_taken_and_both_are_told(sandbox: SandboxProcess) -> None:
    sandbox.arm("execute_twice", count=1)
    request, adapter = charge_request(), gateway(sandbox.url)
    assert adapter.charge(request).kind is Kind.SUCCEEDED
    outcome = adapter.look_up(look_up_of(request))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.SUCCEEDED, "duplicate_charges", False)
    ids = {charge["id"] for charge in sandbox.charges(reference=request.payment_id)}
    assert len(ids) == 2
    assert {outcome.reference, *(other.reference for other in outcome.also)} == ids


def test_a_doubtful_charge_among_several_decides() -> None:
    request = charge_request()
    data = [charge_object(request), charge_object(request, id="ch_2", amount=7)]
    listed = whole(encoded({"object": "list", "data": data, "has_more": False}))
    with raw_server(says(listed)) as server:
        outcome = gateway(server.url).look_up(look_up_of(request))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "amount_mismatch", True)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"object": "list"},
        {"object": "list", "data": [], "has_more": True},
        {"object": "list", "data": []},
        {"object": "list", "data": None, "has_more": False},
        {"object": "list", "data": [{}], "has_more": False},
        {"object": "list", "data": ["x"], "has_more": False},
        [],
    ],
)
def test_a_list_that_is_not_whole_proves_nothing(document: Any) -> None:
    with raw_server(says(whole(encoded(document)))) as server:
        outcome = gateway(server.url).look_up(look_up_of(charge_request()))
    assert outcome.kind is Kind.UNKNOWN


@pytest.mark.parametrize("status", ["400 Bad", "402 Pay", "404 No", "409 Busy", "422 No", "429 Slow", "503 Down"])
def test_an_error_status_to_a_look_up_is_unknown(status: str) -> None:
    with raw_server(says(whole(encoded({"error": {"code": "card_declined"}}), status))) as server:
        outcome = gateway(server.url).look_up(look_up_of(charge_request()))
    assert (outcome.kind, outcome.decline_code) == (Kind.UNKNOWN, "")


def test_lists_go_newest_first_by_cursor_and_say_whether_there_is_more(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        ids = [
            sandbox.charge(f"k{n}", amount=n, currency="USD", token="tok_success", reference="pay_1").json()["id"]
            for n in range(1, 8)
        ]
        seen: list[str] = []
        sizes: list[int] = []
        more, after = True, dict[str, str]()
        while more:
            page = sandbox.call("GET", "/v1/charges", params={"limit": 3, **after}).json()
            seen += [charge["id"] for charge in page["data"]]
            sizes.append(len(page["data"]))
            more, after = page["has_more"], {"starting_after": seen[-1]}
        assert seen == ids[::-1]
        assert sizes == [3, 3, 1]
        within = sandbox.call("GET", "/v1/charges", params={"reference": "pay_1", "starting_after": ids[2]}).json()
        assert [charge["id"] for charge in within["data"]] == [ids[1], ids[0]]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "limit=%C2%B2", "starting_after=ch_none"])
def test_a_list_that_cannot_be_is_refused(sandbox: SandboxProcess, query: str) -> None:
    assert sandbox.call("GET", f"/v1/charges?{query}").status_code == 400


def test_a_void_is_confirmed_and_can_be_asked_for_again(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(), gateway(sandbox.url)
    reference = adapter.charge(request).reference
    for _ in range(2):
        reply = sandbox.call("POST", f"/v1/charges/{reference}/cancel")
        assert (reply.status_code, reply.json()["status"]) == (200, "canceled")
    outcome = adapter.look_up(look_up_of(request))
    assert (outcome.kind, outcome.reason) == (Kind.VOIDED, "canceled")


def test_a_declined_charge_cannot_be_voided(sandbox: SandboxProcess) -> None:
    request = charge_request(token="tok_lost_card")
    reference = gateway(sandbox.url).charge(request).reference
    assert sandbox.call("POST", f"/v1/charges/{reference}/cancel").status_code == 409
    assert sandbox.charges(reference=request.payment_id)[0]["status"] == "declined"
    assert sandbox.call("POST", "/v1/charges/ch_none/cancel").status_code == 404


def test_the_void_of_a_declined_charge_hears_the_decline(sandbox: SandboxProcess) -> None:
    request, adapter = charge_request(token="tok_lost_card"), gateway(sandbox.url)
    declined = adapter.charge(request)
    outcome = adapter.void(void_of(request, declined.reference))
    assert (outcome.kind, outcome.decline_code, outcome.reference) == (Kind.DECLINED, "lost_card", declined.reference)


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"error": {}},
        {"error": {"code": "charge_not_cancelable"}},
        {"error": {"code": "charge_not_cancelable", "charge": {}}},
        {"error": {"code": "idempotency_key_in_use"}},
    ],
)
def test_a_void_that_is_refused_without_the_charge_stays_unknown(document: dict[str, Any]) -> None:
    with raw_server(says(whole(encoded(document), "409 No"))) as server:
        outcome = gateway(server.url).void(void_of(charge_request(), "ch_1"))
    assert outcome.kind is Kind.UNKNOWN


def test_a_void_that_is_refused_with_another_charge_stays_unknown_with_an_alert() -> None:
    request = charge_request()
    other = charge_object(request, amount=7, status="declined", decline_code="velocity")
    refusal = whole(encoded({"error": {"code": "charge_not_cancelable", "charge": other}}), "409 No")
    with raw_server(says(refusal)) as server:
        outcome = gateway(server.url).void(void_of(request, "ch_1"))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "amount_mismatch", True)


def test_a_402_to_a_look_up_tells_nothing_of_a_card(sandbox: SandboxProcess) -> None:
    request = charge_request()
    declined = charge_object(request, status="declined", decline_code="velocity", network_advice="do_not_try_again")
    refusal = whole(encoded({"error": {"code": "card_declined", "charge": declined}}), "402 Pay")
    with raw_server(says(refusal)) as server:
        outcome = gateway(server.url).look_up(look_up_of(request))
    assert (outcome.kind, outcome.card_brand, outcome.card_fingerprint) == (Kind.UNKNOWN, "", "")
    assert outcome.never_again is False


def test_the_balance_is_what_was_taken_and_not_given_back(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        for currency, amount, token in [
            ("USD", 1000, "tok_success"),
            ("USD", 500, "tok_success"),
            ("JPY", 70, "tok_success"),
            ("USD", 9999, "tok_lost_card"),
        ]:
            sandbox.charge(uuid.uuid4().hex, amount=amount, currency=currency, token=token, reference="pay_1")
        balance = sandbox.call("GET", "/v1/balance").json()
    assert {entry["currency"]: entry["amount"] for entry in balance["available"]} == {"USD": 1500, "JPY": 70}
