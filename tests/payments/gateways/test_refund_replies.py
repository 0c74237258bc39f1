"""Every row of the table of statuses, for refunds: what a whole reply to one means (requirement C1)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from payments.gateways.base import Kind, Outcome
from payments.gateways.http import Reply
from payments.gateways.replies import read_money_reply
from payments.gateways.reports import Expected
from payments.gateways.sandbox.refund_wire import RefundDialect
from tests.payments.gateways.builders import encoded
from tests.payments.gateways.reading import error
from tests.payments.gateways.refund_builders import refund_object, refund_request

NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
REQUEST = refund_request()
EXPECTED = Expected(REQUEST.payment_id, REQUEST.amount, REQUEST.currency, charge=REQUEST.charge, key=REQUEST.key)


def read(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Outcome:
    raw = body if isinstance(body, bytes) else encoded(body)
    given = CaseInsensitiveDict({"content-type": "application/json", **(headers or {})})
    return read_money_reply(Reply(status, given, raw), EXPECTED, RefundDialect(), NOW)


def refund(**changes: Any) -> dict[str, Any]:
    return refund_object(REQUEST, **changes)


# 2xx with everything matching: what the body says.


@pytest.mark.parametrize("status", [200, 201])
def test_a_refund_with_everything_matching_is_succeeded(status: int) -> None:
    assert read(status, refund()) == Outcome(Kind.SUCCEEDED, "succeeded", reference="re_1", http_status=status)


def test_a_refund_that_the_gateway_has_taken_on_is_pending() -> None:
    assert read(200, refund(status="pending")) == Outcome(Kind.PENDING, "pending", reference="re_1", http_status=200)


def test_a_failed_refund_is_declined_with_its_code() -> None:
    outcome = read(200, refund(status="failed", failure_code="account_closed"))
    assert outcome == Outcome(Kind.DECLINED, "failed", reference="re_1", decline_code="account_closed", http_status=200)


def test_a_failure_code_of_another_shape_is_not_taken_over() -> None:
    assert read(200, refund(status="failed", failure_code="<b>no</b>")).decline_code == "failed"


def test_a_200_with_a_decline_document_is_declined() -> None:
    outcome = read(200, error("refund_declined", decline_code="charge_disputed"))
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "charge_disputed")


# 2xx about something else: unknown, quarantined, alert.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 301}, "amount_mismatch"),
        ({"amount": 299}, "amount_mismatch"),
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"reference": "pay_other"}, "reference_mismatch"),
        ({"livemode": True}, "mode_mismatch"),
        ({"charge": "ch_2"}, "charge_mismatch"),
        ({"idempotency_key": "rf_other"}, "key_mismatch"),
        ({"idempotency_key": None}, "key_mismatch"),
        ({"idempotency_key": ""}, "key_mismatch"),
        ({"status": "failed", "failure_code": "lost", "amount": 1}, "amount_mismatch"),
        ({"status": "sideways"}, "unknown_status"),
        ({"status": "canceled"}, "unknown_status"),
    ],
)
def test_a_reply_about_another_refund_is_unknown_with_an_alert(changes: dict[str, Any], reason: str) -> None:
    outcome = read(200, refund(**changes))
    assert (outcome.kind, outcome.reason, outcome.alert, outcome.reference) == (Kind.UNKNOWN, reason, True, "re_1")
    assert outcome.message


# 2xx that is no whole refund.


@pytest.mark.parametrize("name", sorted(refund_object(REQUEST).keys() - {"reason", "failure_code"}))
@pytest.mark.parametrize("value", ["missing", [], {}, 1.5, True, "  "])
def test_a_member_that_is_missing_or_of_another_type_is_never_a_success(name: str, value: Any) -> None:
    document = refund(**{name: value})
    if value == "missing":
        del document[name]
    outcome = read(200, document)
    assert (outcome.kind, outcome.decline_code) == (Kind.UNKNOWN, "")


def test_a_failed_refund_without_a_code_is_not_whole() -> None:
    assert read(200, refund(status="failed")).reason == "schema"


def test_a_charge_is_no_answer_to_a_refund() -> None:
    assert read(200, refund(object="charge")).reason == "schema"


def test_no_beginning_of_a_reply_is_believed() -> None:
    body = encoded(refund())
    heard = [read(200, body[:length]) for length in range(len(body))]
    assert {outcome.kind for outcome in heard} == {Kind.UNKNOWN}
    assert {outcome.reason for outcome in heard} == {"empty_body", "not_json"}


def test_a_reply_with_a_byte_missing_is_believed_only_where_nothing_that_is_compared_is_hit() -> None:
    body = encoded(refund())
    heard = {at: read(200, body[:at] + body[at + 1 :]).kind for at in range(len(body)) if body[at] != ord(" ")}
    believed = {at for at, kind in heard.items() if kind is not Kind.UNKNOWN}
    assert {heard[at] for at in believed} == {Kind.SUCCEEDED}
    # The gateway's own id, its time and its code are not known beforehand, and the reason is not read.
    assert {_member_at(body, at) for at in believed} == {"id", "created", "reason", "failure_code"}


def _member_at(body: bytes, at: int) -> str:
    """Return the name of the member in which the byte `at` is."""
    start = body.rfind(b', "', 0, at + 1)
    return body[max(start, 0) :].split(b'"')[1].decode()


# Other statuses.


def test_a_402_is_declined_with_its_code() -> None:
    outcome = read(402, error("refund_declined", decline_code="amount_exceeds_refundable"))
    assert (outcome.kind, outcome.decline_code, outcome.alert) == (
        Kind.DECLINED,
        "amount_exceeds_refundable",
        False,
    )
    assert outcome.message == "Text of the gateway."


def test_a_402_whose_body_was_lost_is_declined_without_a_code() -> None:
    outcome = read(402, b"{")
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "unread_decline")


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "reason", "alert", "breaker"),
    [
        (400, error("parameter_invalid"), {}, Kind.REJECTED, "rejected", True, False),
        (400, error("refund_declined"), {}, Kind.DECLINED, "declined", False, False),
        (400, error("card_declined"), {}, Kind.REJECTED, "rejected", True, False),
        (401, error("unauthorised"), {}, Kind.NOT_SENT, "credentials_refused", True, True),
        (403, b"", {}, Kind.NOT_SENT, "credentials_refused", True, True),
        (404, error("not_found"), {}, Kind.REJECTED, "rejected", True, False),
        (409, error("idempotency_key_in_use"), {}, Kind.UNKNOWN, "key_in_use", False, False),
        (409, b"", {}, Kind.UNKNOWN, "conflict", False, False),
        (422, error("idempotency_key_reused"), {}, Kind.REJECTED, "key_reused", True, False),
        (429, b"", {"Retry-After": "7"}, Kind.NOT_SENT, "rate_limited", False, False),
        (500, b"", {}, Kind.UNKNOWN, "server_error", False, True),
        (500, refund(), {}, Kind.UNKNOWN, "server_error", False, True),
        (500, b"", {"Idempotent-Replayed": "true"}, Kind.UNKNOWN, "server_error_replayed", False, True),
        (503, error("maintenance"), {}, Kind.NOT_SENT, "maintenance", False, False),
        (503, b"", {}, Kind.UNKNOWN, "server_error", False, True),
        (307, b"", {}, Kind.UNKNOWN, "redirect", False, True),
        (418, b"", {}, Kind.UNKNOWN, "unexpected_status", True, False),
    ],
)
def test_other_statuses_mean_what_they_mean_of_charges(
    status: int, body: Any, headers: dict[str, str], kind: Kind, reason: str, alert: bool, breaker: bool
) -> None:
    outcome = read(status, body, headers)
    assert (outcome.kind, outcome.reason, outcome.alert, outcome.opens_breaker) == (kind, reason, alert, breaker)
    assert outcome.reference == ""
