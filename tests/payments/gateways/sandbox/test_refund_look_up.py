"""Which questions the adapter asks about refunds, and which answers it believes."""

import time
from typing import Any

import pytest

from payments.gateways.after_capture import RefundListing
from payments.gateways.base import Kind, Outcome
from tests.payments.gateways.builders import encoded, gateway
from tests.payments.gateways.raw import raw_server, receive, says, whole
from tests.payments.gateways.refund_builders import (
    charged,
    refund_look_up_of,
    refund_object,
    refund_request,
)
from tests.sandbox import SandboxProcess


def listed(*refunds: Any, has_more: bool = False) -> bytes:
    return whole(encoded({"object": "list", "data": list(refunds), "has_more": has_more}))


def soon() -> float:
    return time.monotonic() + 5


def test_a_request_names_the_charge_the_amount_and_the_key() -> None:
    seen = []
    request = refund_request(key="rf_1", charge="ch_1", payment_id="pay_1")
    with raw_server(lambda connection: seen.append(receive(connection))) as server:
        gateway(server.url).refund(request)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/refunds HTTP/1.1\r\n")
    assert head.split(b"\r\n").count(b"Idempotency-Key: rf_1") == 1
    assert body == b'{"charge":"ch_1","amount":300,"currency":"USD","reason":"customer_request"}'


def test_a_known_id_is_asked_first_and_an_unknown_one_leads_on_to_the_key(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    made = paid.adapter.refund(wish)
    for reference in (made.reference, "re_unknown", ""):
        outcome = paid.adapter.look_up_refund(refund_look_up_of(wish, reference=reference))
        assert (outcome.kind, outcome.reference) == (Kind.SUCCEEDED, made.reference)


def test_an_id_of_another_refund_of_the_charge_is_a_mismatch(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish, other = paid.wish(), paid.wish()
    paid.adapter.refund(wish)
    reference = paid.adapter.refund(other).reference
    outcome = paid.adapter.look_up_refund(refund_look_up_of(wish, reference=reference))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "key_mismatch", True)


def test_a_refund_of_the_dashboard_is_looked_up_by_its_id_without_a_key(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    made = sandbox.control("refunds", charge=paid.id, amount=300)
    question = refund_look_up_of(paid.wish(), key="", reference=made["id"])
    assert paid.adapter.look_up_refund(question).kind is Kind.SUCCEEDED
    unknown = refund_look_up_of(paid.wish(), key="", reference="re_none")
    assert paid.adapter.look_up_refund(unknown).kind is Kind.NOT_FOUND


def test_nothing_to_ask_by_is_unknown_and_asks_nothing() -> None:
    outcome = gateway("http://127.0.0.1:1").look_up_refund(refund_look_up_of(refund_request(), key=""))
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "not_asked")


def test_a_refused_connection_is_not_sent_and_to_a_look_up_unknown() -> None:
    adapter, request = gateway("http://127.0.0.1:1"), refund_request()
    assert adapter.refund(request).kind is Kind.NOT_SENT
    assert adapter.look_up_refund(refund_look_up_of(request)).kind is Kind.UNKNOWN


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
        outcome = gateway(server.url).look_up_refund(refund_look_up_of(refund_request()))
    assert outcome.kind is Kind.UNKNOWN


def test_an_answer_by_key_about_another_key_is_a_mismatch() -> None:
    request = refund_request()
    with raw_server(says(listed(refund_object(request, idempotency_key="rf_other")))) as server:
        outcome = gateway(server.url).look_up_refund(refund_look_up_of(request))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "key_mismatch", True)


def several(*changes: dict[str, Any]) -> Outcome:
    """Return what is heard of several refunds under one key, the newest first."""
    request = refund_request()
    with raw_server(says(listed(*(refund_object(request, **each) for each in changes)))) as server:
        return gateway(server.url).look_up_refund(refund_look_up_of(request))


FAILED = {"status": "failed", "failure_code": "account_closed"}


@pytest.mark.parametrize(
    ("newest", "oldest", "kind", "reason", "reference"),
    [
        ({}, {}, Kind.SUCCEEDED, "duplicate_refunds", "re_old"),
        ({"status": "pending"}, {}, Kind.SUCCEEDED, "duplicate_refunds", "re_old"),
        ({}, {"status": "pending"}, Kind.SUCCEEDED, "duplicate_refunds", "re_new"),
        (FAILED, {"status": "pending"}, Kind.PENDING, "duplicate_refunds", "re_old"),
        ({"status": "pending"}, FAILED, Kind.PENDING, "duplicate_refunds", "re_new"),
        (FAILED, FAILED, Kind.DECLINED, "duplicate_refunds", "re_old"),
        ({"amount": 7}, {}, Kind.UNKNOWN, "amount_mismatch", "re_new"),
        ({}, {"status": "sideways"}, Kind.UNKNOWN, "unknown_status", "re_old"),
    ],
)
def test_of_several_a_doubt_decides_then_money_that_moved_then_the_first_made(
    newest: dict[str, Any], oldest: dict[str, Any], kind: Kind, reason: str, reference: str
) -> None:
    outcome = several({**newest, "id": "re_new"}, {**oldest, "id": "re_old"})
    assert (outcome.kind, outcome.reason, outcome.reference, outcome.alert) == (kind, reason, reference, True)
    assert len(outcome.also) == 1
    assert {outcome.reference, outcome.also[0].reference} == {"re_new", "re_old"}


# The list of all.


def test_the_list_has_everybodys_refunds_newest_first_with_what_they_are(sandbox: SandboxProcess) -> None:
    paid = charged(sandbox)
    wish = paid.wish()
    first = paid.adapter.refund(wish)
    second = sandbox.control("refunds", charge=paid.id, amount=200)
    sandbox.control(f"refunds/{second['id']}/fail", code="account_closed")
    sandbox.arm("pending", operation="refund", count=1)
    third = paid.adapter.refund(paid.wish(100))
    listing = paid.adapter.refunds_since(second["created"] - 5, soon())
    assert listing.trouble == ""
    found = [each for each in listing.refunds if each.payment_id == paid.payment_id]
    assert [(each.reference, each.amount, each.outcome.kind) for each in found] == [
        (third.reference, 100, Kind.PENDING),
        (second["id"], 200, Kind.DECLINED),
        (first.reference, 300, Kind.SUCCEEDED),
    ]
    assert [(each.key, each.outcome.decline_code) for each in found[1:]] == [("", "account_closed"), (wish.key, "")]
    assert {(each.charge, each.currency, each.live) for each in found} == {(paid.id, "USD", False)}


def test_the_list_is_read_page_by_page_as_far_back_as_is_asked() -> None:
    request, pages = refund_request(), []
    refunds = [refund_object(request, id=f"re_{number}", created=1_000 - number) for number in range(6)]

    def behave(connection: Any) -> None:
        while True:
            pages.append(receive(connection).split(b" ")[1].decode())
            at = 2 * (len(pages) - 1)
            connection.sendall(listed(*refunds[at : at + 2], has_more=at < 4))

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        assert [each.reference for each in adapter.refunds_since(998, soon()).refunds] == ["re_0", "re_1", "re_2"]
        assert pages == ["/v1/refunds?limit=100", "/v1/refunds?limit=100&starting_after=re_1"]
        pages.clear()
        assert len(adapter.refunds_since(None, soon()).refunds) == 2
        pages.clear()
        assert len(adapter.refunds_since(0, soon()).refunds) == 6


@pytest.mark.parametrize(
    ("reply", "trouble"),
    [
        (whole(b"{}", "500 No"), "status_500"),
        (whole(b"{}"), "schema"),
        (whole(b"<html>"), "schema"),
        (whole(encoded({"object": "list", "data": [{}], "has_more": False})), "schema"),
        (whole(encoded({"object": "list", "data": []})), "schema"),
        (b"", "closed"),
    ],
)
def test_a_list_that_cannot_be_had_whole_has_no_refunds(reply: bytes, trouble: str) -> None:
    with raw_server(says(reply)) as server:
        assert gateway(server.url).refunds_since(0, soon()) == RefundListing((), trouble)


def test_a_refund_with_a_word_that_nobody_knows_is_listed_as_unknown() -> None:
    with raw_server(says(listed(refund_object(refund_request(), status="sideways", livemode=True)))) as server:
        (found,) = gateway(server.url).refunds_since(0, soon()).refunds
    assert (found.outcome.kind, found.outcome.reason, found.live) == (Kind.UNKNOWN, "unknown_status", True)


def test_the_adapter_says_what_it_can() -> None:
    capabilities = gateway("http://127.0.0.1:1").capabilities
    assert (capabilities.refunds, capabilities.refund_days, capabilities.disputes) == (True, 180, True)
