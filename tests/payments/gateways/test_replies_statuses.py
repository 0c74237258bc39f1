"""What statuses that are neither 2xx nor declines mean: every row of the table of statuses (requirement B2)."""

import pytest

from payments.gateways.base import Kind
from tests.payments.gateways.builders import encoded
from tests.payments.gateways.reading import charge, error, read

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
