"""What a decline of a charge means: every row of the table of statuses (requirement B2)."""

import pytest

from payments.gateways.base import Kind, Outcome
from tests.payments.gateways.builders import encoded
from tests.payments.gateways.reading import charge, error, read


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
