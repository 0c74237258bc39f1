"""Every row of the table of statuses: what a whole reply to a charge means (requirement B2)."""

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


# Redirects, 5xx.


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_unknown(status: int) -> None:
    assert (read(status, charge()).kind, read(status, b"").reason) == (Kind.UNKNOWN, "redirect")


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 599])
@pytest.mark.parametrize("body", [b"", b"<html>", encoded(error("internal_error")), encoded(error("card_declined"))])
def test_a_5xx_with_or_without_body_is_unknown(status: int, body: bytes) -> None:
    outcome = read(status, body)
    assert (outcome.kind, outcome.reason, outcome.opens_breaker) == (Kind.UNKNOWN, "server_error", True)


def test_a_saved_5xx_replayed_for_the_same_key_says_that_only_a_look_up_can_tell_more() -> None:
    outcome = read(500, error("internal_error"), {"idempotent-replayed": "true"})
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "server_error_replayed")


def test_a_documented_maintenance_503_was_not_executed_and_no_breaker_counts_it() -> None:
    outcome = read(503, error("maintenance"), {"retry-after": "120"})
    assert (outcome.kind, outcome.reason, outcome.retry_after) == (Kind.NOT_SENT, "maintenance", 120)
    assert outcome.opens_breaker is False


def test_an_undocumented_503_with_retry_after_stays_unknown() -> None:
    outcome = read(503, b"", {"retry-after": "120"})
    assert (outcome.kind, outcome.retry_after) == (Kind.UNKNOWN, 120)


# Declines.


def test_a_402_is_declined_with_its_code_and_reference() -> None:
    body = error(
        "card_declined",
        decline_code="do_not_honor",
        charge=charge(status="declined", decline_code="do_not_honor"),
    )
    assert read(402, body) == Outcome(
        Kind.DECLINED,
        "declined",
        reference="ch_1",
        decline_code="do_not_honor",
        message="Text of the gateway.",
        http_status=402,
        card_brand="visa",
        card_fingerprint="fp_1",
    )


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}"])
def test_a_402_that_cannot_be_read_is_a_decline_of_which_the_reason_is_not_known(body: bytes) -> None:
    outcome = read(402, body)
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "unread_decline")


def test_a_402_without_a_code_is_a_generic_decline() -> None:
    outcome = read(402, encoded(error("card_declined")))
    assert (outcome.kind, outcome.decline_code) == (Kind.DECLINED, "generic_decline")


def test_a_402_whose_body_is_cut_anywhere_proves_the_decline_by_its_status_and_nothing_more() -> None:
    whole = encoded(error("card_declined", decline_code="expired_card", network_advice="do_not_try_again"))
    for end in range(len(whole)):
        assert read(402, whole[:end]) == Outcome(
            Kind.DECLINED, "declined", decline_code="unread_decline", http_status=402
        )
    assert read(402, whole).decline_code == "expired_card"


@pytest.mark.parametrize("status", [400, 422])
def test_an_explicit_decline_body_is_declined_under_another_4xx(status: int) -> None:
    outcome = read(status, error("card_declined", decline_code="expired_card"))
    assert (outcome.kind, outcome.decline_code, outcome.alert) == (Kind.DECLINED, "expired_card", False)


def test_a_decline_about_another_payment_is_unknown_with_an_alert() -> None:
    other = charge(status="declined", decline_code="x", reference="pay_other")
    outcome = read(402, error("card_declined", charge=other))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "reference_mismatch", True)


def test_a_decline_that_carries_a_successful_charge_is_a_contradiction_and_unknown() -> None:
    outcome = read(402, error("card_declined", charge=charge()))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "contradiction", True)


@pytest.mark.parametrize("code", ["<script>", "UPPER", "", "x" * 65, None, 7])
def test_a_decline_code_that_is_no_code_is_a_generic_decline(code: object) -> None:
    assert read(402, error("card_declined", decline_code=code)).decline_code == "generic_decline"


# Our mistakes and the gateway's refusals.


@pytest.mark.parametrize("status", [400, 404, 422])
@pytest.mark.parametrize("body", [b"", b"<html>", encoded(error("parameter_invalid"))])
def test_a_400_404_or_422_is_rejected_with_an_alert(status: int, body: bytes) -> None:
    outcome = read(status, body)
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.REJECTED, "rejected", True)
    assert outcome.opens_breaker is False


@pytest.mark.parametrize("status", [401, 403])
def test_refused_credentials_are_not_sent_open_the_breaker_and_alert(status: int) -> None:
    outcome = read(status, error("unauthorised"))
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "credentials_refused")
    assert (outcome.alert, outcome.opens_breaker) == (True, True)


def test_a_key_in_use_is_unknown_and_says_when_to_ask_again() -> None:
    outcome = read(409, error("idempotency_key_in_use"), {"retry-after": "3"})
    assert (outcome.kind, outcome.reason, outcome.retry_after) == (Kind.UNKNOWN, "key_in_use", 3)
    assert (outcome.alert, outcome.opens_breaker) == (False, False)


@pytest.mark.parametrize("status", [409, 422])
def test_a_reused_key_is_rejected_with_an_alert(status: int) -> None:
    outcome = read(status, error("idempotency_key_reused"))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.REJECTED, "key_reused", True)


def test_a_409_that_says_nothing_readable_is_unknown() -> None:
    assert (read(409, b"").kind, read(409, b"").reason) == (Kind.UNKNOWN, "conflict")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        ("0", 1),
        ("-5", 1),
        ("1000000000", 900),
        ("9" * 5000, 900),
        ("Tue, 01 Jan 2030 12:01:00 GMT", 60),
        ("Tue, 01 Jan 2030 11:00:00 GMT", 1),
        ("Fri, 01 Jan 2100 00:00:00 GMT", 900),
        ("soon", None),
        ("", None),
        ("1.5", None),
    ],
)
def test_a_429_is_not_sent_and_its_retry_after_is_clamped(header: str, seconds: int | None) -> None:
    outcome = read(429, b"", {"retry-after": header})
    assert (outcome.kind, outcome.reason, outcome.retry_after) == (Kind.NOT_SENT, "rate_limited", seconds)
    assert (outcome.alert, outcome.opens_breaker) == (False, False)


def test_a_429_without_retry_after_says_none() -> None:
    assert read(429, b"").retry_after is None


@pytest.mark.parametrize("status", [100, 101, 103, 199, 405, 406, 408, 410, 411, 413, 415, 418, 425, 431, 451, 499])
def test_a_status_that_no_rule_names_is_unknown_with_an_alert(status: int) -> None:
    outcome = read(status, error("card_declined"))
    assert (outcome.kind, outcome.reason, outcome.alert) == (Kind.UNKNOWN, "unexpected_status", True)


def test_every_status_has_exactly_one_meaning_and_only_the_listed_ones_are_not_sent() -> None:
    kinds = {status: read(status, b"").kind for status in range(100, 600)}
    assert {status for status, kind in kinds.items() if kind is Kind.NOT_SENT} == {401, 403, 429}
    assert {status for status, kind in kinds.items() if kind is Kind.DECLINED} == {402}
    assert {status for status, kind in kinds.items() if kind is Kind.REJECTED} == {400, 404, 422}
    assert Kind.SUCCEEDED not in kinds.values()


def test_text_of_the_gateway_is_sanitised() -> None:
    text = "Card 4242 4242 4242 4242 \u202erefused\x00 with sk_live_abcdefgh\n<b>now</b>"
    outcome = read(400, error("x") | {"error": {"code": "x", "message": text}})
    assert outcome.message == "Card [number removed] refused with [secret removed] <b>now</b>"
