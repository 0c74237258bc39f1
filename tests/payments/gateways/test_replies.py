"""What a whole 2xx reply to a charge means: every row of the table of statuses (requirement B2)."""

from typing import Any

import pytest

from payments.gateways.base import Kind, Outcome
from payments.gateways.sandbox.wire import SandboxDialect
from tests.payments.gateways.builders import encoded
from tests.payments.gateways.reading import URL, charge, error, read

# 2xx with the whole body and our reference, amount and currency: what the body says.


@pytest.mark.parametrize("status", [200, 201, 202])
def test_a_success_with_everything_matching_is_succeeded(status: int) -> None:
    assert read(status, charge()) == Outcome(
        Kind.SUCCEEDED,
        "succeeded",
        reference="ch_1",
        http_status=status,
        alert=False,
        opens_breaker=False,
        card_brand="visa",
        card_fingerprint="fp_1",
        never_again=False,
    )


def test_a_200_with_a_declined_charge_is_declined_by_its_body() -> None:
    outcome = read(200, charge(status="declined", decline_code="insufficient_funds"))
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "insufficient_funds")
    assert (outcome.alert, outcome.opens_breaker) == (False, False)


def test_a_200_with_a_decline_document_is_declined() -> None:
    outcome = read(200, error("card_declined", decline_code="stolen_card"))
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "stolen_card")


def test_a_charge_that_requires_action_leads_to_the_gateways_page() -> None:
    outcome = read(200, charge(status="requires_action", action_url=f"{URL}/3ds/ch_1"))
    assert (outcome.kind, outcome.action_url) == (Kind.ACTION_REQUIRED, f"{URL}/3ds/ch_1")


def test_a_page_at_the_api_address_is_shown_under_the_public_origin() -> None:
    dialect = SandboxDialect("http://10.0.0.1:8011", "https://pay.gateway.test")
    report = dialect.report(charge(status="requires_action", action_url="http://10.0.0.1:8011/3ds/ch_1"))
    assert report is not None
    assert report.action_url == "https://pay.gateway.test/3ds/ch_1"


@pytest.mark.parametrize("url", ["https://evil.test/3ds/ch_1", f"{URL}.evil.test/", "javascript:alert(1)", "", None, 7])
def test_a_customer_is_never_sent_to_a_foreign_place(url: object) -> None:
    outcome = read(200, charge(status="requires_action", action_url=url))
    assert (outcome.kind, outcome.reason, outcome.action_url) == (Kind.UNKNOWN, "schema", "")


def test_a_canceled_charge_is_voided() -> None:
    outcome = read(200, charge(status="canceled"))
    assert (outcome.kind, outcome.reason, outcome.reference) == (Kind.VOIDED, "canceled", "ch_1")


def test_a_charge_that_the_customer_canceled_is_declined_and_moved_nothing() -> None:
    outcome = read(200, charge(status="canceled", decline_code="customer_canceled"))
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "customer_canceled")


def test_a_pending_charge_is_unknown_with_its_reference() -> None:
    outcome = read(200, charge(status="pending"))
    assert (outcome.kind, outcome.reason, outcome.reference) == (Kind.UNKNOWN, "pending", "ch_1")


# 2xx about something else: unknown, quarantined, alert.


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount": 1001}, "amount_mismatch"),
        ({"amount": 999}, "amount_mismatch"),
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"currency": "usd"}, "currency_mismatch"),
        ({"reference": "pay_other"}, "reference_mismatch"),
        ({"livemode": True}, "mode_mismatch"),
        ({"status": "declined", "decline_code": "generic_decline", "amount": 1}, "amount_mismatch"),
    ],
)
def test_a_reply_about_another_charge_is_unknown_with_an_alert(changes: dict[str, Any], reason: str) -> None:
    outcome = read(200, charge(**changes))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, reason, True)
    assert outcome.reference == "ch_1"
    assert outcome.message


def test_an_unknown_status_word_is_unknown() -> None:
    outcome = read(200, charge(status="sideways"))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "unknown_status", True)


# 2xx that is no whole document.


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"<html>Checking your browser</html>", {"content-type": "text/html"}, "not_json"),
        (b"", {}, "empty_body"),
        (b"[]", {}, "not_json"),
        (b'"succeeded"', {}, "not_json"),
        (b"{", {}, "not_json"),
        (b"\xff\xfe", {}, "not_json"),
        (b"[" * 100_000, {}, "not_json"),
        (b'{"amount": 1' + b"0" * 5000 + b"}", {}, "not_json"),
        (encoded(charge())[:-1] + b', "amount": 1}', {}, "not_json"),
        (encoded(charge(amount=float("nan"))), {}, "not_json"),
        (encoded(charge()), {"content-type": "text/plain"}, "not_json"),
        (encoded(charge()), {"content-type": ""}, "not_json"),
        (b"{}", {}, "schema"),
        (encoded({"object": "list", "data": [charge()]}), {}, "schema"),
    ],
)
def test_a_2xx_that_is_no_whole_charge_is_unknown(body: bytes, headers: dict[str, str], reason: str) -> None:
    outcome = read(200, body, headers)
    assert (outcome.kind, outcome.reason, outcome.opens_breaker) == (Kind.UNKNOWN, reason, True)


@pytest.mark.parametrize("name", ["id", "object", "status", "amount", "currency", "reference", "livemode", "created"])
def test_a_charge_that_lacks_a_member_is_unknown(name: str) -> None:
    document = charge()
    del document[name]
    assert (read(200, document).kind, read(200, document).reason) == (Kind.UNKNOWN, "schema")


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": "1000"},
        {"amount": 1000.0},
        {"amount": True},
        {"livemode": 0},
        {"livemode": None},
        {"id": ""},
        {"id": "ch_1; drop"},
        {"id": "c" * 101},
        {"status": None},
        {"status": "declined"},
        {"object": "refund"},
        {"idempotency_key": 7},
    ],
)
def test_a_member_of_another_type_makes_the_charge_unknown(changes: dict[str, Any]) -> None:
    outcome = read(200, charge(**changes))
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "schema")
