"""Keys and request hashes (requirements A5, A6; bad inputs B70–B77)."""

import pytest

from payments.idempotency import is_valid_key, order_reference_for, request_hash, unquote_header


@pytest.mark.parametrize("key", ["order_123_payment_456", "a1b2", "k" * 255, "018f-6b3c:v2", "user@shop/1=+.~"[:-1]])
def test_a_meaningful_key_is_taken(key: str) -> None:
    assert is_valid_key(key)


@pytest.mark.parametrize(
    "key",
    ["", "1", "abc", "k" * 256, "schlüssel", "key\n", "key\x00", "a b c d", "a,b-c", "'; DROP TABLE x", "<b>key</b>"],
)
def test_other_keys_are_refused(key: str) -> None:
    assert not is_valid_key(key)


@pytest.mark.parametrize(("header", "key"), [("abcd", "abcd"), ('"abcd"', "abcd"), (' "abcd" ', "abcd"), ('"', '"')])
def test_a_header_may_be_bare_or_quoted(header: str, key: str) -> None:
    assert unquote_header(header) == key


def test_the_order_of_fields_does_not_change_the_hash() -> None:
    assert request_hash({"a": 1, "b": {"c": "x", "d": "y"}}) == request_hash({"b": {"d": "y", "c": "x"}, "a": 1})


def test_another_value_changes_the_hash() -> None:
    assert request_hash({"amount": 1}) != request_hash({"amount": "1"})


def test_a_request_without_an_order_has_the_order_of_its_key() -> None:
    assert order_reference_for("order-1") == order_reference_for("order-1") != order_reference_for("order-2")
    assert len(order_reference_for("k" * 255)) <= 64
