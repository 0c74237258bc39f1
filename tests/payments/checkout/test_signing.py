"""The signature of checkout forms, as docs/checkout-form.md describes it."""

import hashlib
import hmac

import pytest

from payments.checkout import signing

FIELDS = {"client": "shop", "orderID": "1", "amount": "12.50", "customerName": "Anna Núñez"}


def test_the_signed_text_is_every_field_sorted_by_name() -> None:
    assert signing.canonical(FIELDS) == "amount=12.50\nclient=shop\ncustomerName=Anna Núñez\norderID=1"


def test_the_signature_is_hmac_sha256_in_lower_case_hexadecimal() -> None:
    expected = hmac.new(b"key", signing.canonical(FIELDS).encode(), hashlib.sha256).hexdigest()
    assert signing.sign(FIELDS, "key") == expected == "a6dde469e9ac0c4f182e90bd44f548d281562bb2feff215e5e3f95daead29d7d"


def test_the_signature_itself_is_not_signed() -> None:
    assert signing.sign({**FIELDS, "signature": "x"}, "key") == signing.sign(FIELDS, "key")


def test_a_signed_form_is_recognised() -> None:
    assert signing.is_signed({**FIELDS, "signature": signing.sign(FIELDS, "key")}, "key")


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "1.00"},
        {"currency": "USD"},
        {"orderID": "2"},
        {"signature": ""},
        {"signature": "é" * 64},
        {"signature": signing.sign(FIELDS, "another key")},
        {"signature": signing.sign(FIELDS, "key").upper()},
    ],
    ids=str,
)
def test_a_changed_form_is_not_recognised(change: dict[str, str]) -> None:
    assert not signing.is_signed({**FIELDS, "signature": signing.sign(FIELDS, "key"), **change}, "key")
