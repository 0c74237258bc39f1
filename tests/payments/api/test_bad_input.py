"""Everything malformed is refused by field, as problem+json, and nothing happens (references: bad inputs)."""

import json
from typing import Any

import pytest

from payments.models import AuditEntry, IdempotencyRecord, Order, Payment
from tests.payments.api.conftest import BODY, Api, fields_of

pytestmark = pytest.mark.django_db


def nothing_happened() -> bool:
    return not any(model._default_manager.exists() for model in (Payment, Order, IdempotencyRecord, AuditEntry))


def raw(field: str, literal: str) -> str:
    """Return the usual body with `field` written as `literal`, which need not be valid JSON."""
    return json.dumps({**BODY, field: "@"}).replace('"@"', literal)


@pytest.mark.parametrize(
    "literal",
    ["0", "0.00", "-1", "-0", "null", "10.005", "1e3", "1E3", "true", "[1]", "{}", '"100.00"', '"NaN"', "0.49"]
    + ["9223372036854775808", "1" * 5000, "999999999.00", "99999999999999999999.5"],
)
def test_an_amount_that_is_no_exact_payable_number_is_refused(api: Api, literal: str) -> None:
    response = api.post("/api/payments/process", raw("amount", literal))
    assert (response.status_code, fields_of(response)) == (400, ["amount"])
    assert response["Content-Type"] == "application/problem+json"
    assert nothing_happened()


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e400", "+5", "05", ".5", "5."])
def test_an_amount_that_is_no_json_number_is_refused(api: Api, literal: str) -> None:
    assert api.post("/api/payments/process", raw("amount", literal)).status_code == 400
    assert nothing_happened()


@pytest.mark.parametrize(
    ("amount", "currency"), [("10.00", "JPY"), ("10.0", "JPY"), ("10.005", "EUR"), ("1.2345", "KWD")]
)
def test_more_decimals_than_the_currency_has_are_refused(api: Api, amount: str, currency: str) -> None:
    body = raw("amount", amount).replace('"USD"', f'"{currency}"')
    response = api.post("/api/payments/process", body)
    assert (response.status_code, fields_of(response)) == (400, ["amount"])
    assert nothing_happened()


@pytest.mark.parametrize("currency", ["usd", "XXX", "US", "USD\n", "ıSD", "", None, 840, [], "SEK"])
def test_a_currency_that_is_not_enabled_or_not_in_capitals_is_refused(api: Api, currency: Any) -> None:
    response = api.process(currency=currency)
    assert (response.status_code, fields_of(response)) == (400, ["currency"])
    assert nothing_happened()


@pytest.mark.parametrize(
    "key",
    [
        "",
        "1",
        "k" * 256,
        "schlüssel",
        "key\x07bell",
        "two,keys",
        "'; DROP TABLE payments",
        "<b>key</b>",
        12345,
        {},
        None,
    ],
)
def test_a_key_that_is_no_key_is_refused(api: Api, key: Any) -> None:
    response = api.process(idempotencyKey=key)
    assert (response.status_code, fields_of(response)) == (400, ["idempotencyKey"])
    assert nothing_happened()


def test_a_missing_key_is_refused(api: Api) -> None:
    without = {name: value for name, value in BODY.items() if name != "idempotencyKey"}
    response = api.post("/api/payments/process", without)
    assert (response.status_code, fields_of(response)) == (400, ["idempotencyKey"])


def test_a_header_that_differs_from_the_body_is_refused(api: Api) -> None:
    response = api.post("/api/payments/process", BODY, idempotency_key="another-key")
    assert (response.status_code, fields_of(response)) == (400, ["idempotencyKey"])
    assert nothing_happened()


@pytest.mark.parametrize("header", ["first-key,second-key", "", '"', "two words"])
def test_a_header_that_is_no_key_is_refused(api: Api, header: str) -> None:
    without = {name: value for name, value in BODY.items() if name != "idempotencyKey"}
    response = api.post("/api/payments/process", without, idempotency_key=header)
    assert (response.status_code, fields_of(response)) == (400, ["idempotencyKey"])


@pytest.mark.parametrize(
    ("method", "fields"),
    [
        (None, ["paymentMethod"]),
        ("card", ["paymentMethod"]),
        ([], ["paymentMethod"]),
        ({"type": "card"}, ["paymentMethod.token"]),
        ({"token": "tok_1"}, ["paymentMethod.type"]),
        ({"type": "cash", "token": "tok_1"}, ["paymentMethod.type"]),
        ({"type": ["card"], "token": "tok_1"}, ["paymentMethod.type"]),
        ({"type": "card", "token": 5}, ["paymentMethod.token"]),
        ({"type": "card", "token": "4242424242424242"}, ["paymentMethod.token"]),
        ({"type": "card", "token": "tok 1"}, ["paymentMethod.token"]),
        ({"type": "card", "token": "t" * 256}, ["paymentMethod.token"]),
        ({"type": "card", "token": "tok_1", "cvc": "123"}, ["paymentMethod.cvc"]),
    ],
)
def test_a_payment_method_without_a_gateways_token_is_refused(api: Api, method: Any, fields: list[str]) -> None:
    response = api.process(paymentMethod=method)
    assert (response.status_code, fields_of(response)) == (400, fields)
    assert nothing_happened()


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ([], "metadata"),
        ("text", "metadata"),
        ({f"k{number}": "v" for number in range(51)}, "metadata"),
        ({"note": {"nested": "x"}}, "metadata.note"),
        ({"note": 5}, "metadata.note"),
        ({"note": None}, "metadata.note"),
        ({"n" * 41: "x"}, "metadata." + "n" * 40),
        ({"note": "x" * 501}, "metadata.note"),
        ({"": "x"}, "metadata."),
        ({"cvc": "123"}, "metadata.cvc"),
        ({"card_number": "x"}, "metadata.card_number"),
        ({"note": "4242 4242 4242 4242"}, "metadata.note"),
        ({"orderID": "a\r\nb"}, "metadata.orderID"),
        ({"orderID": "a\u202eb"}, "metadata.orderID"),
        ({"orderID": "a\u200bb"}, "metadata.orderID"),
        ({"orderID": "o" * 65}, "metadata.orderID"),
        ({"orderID": ""}, "metadata.orderID"),
        ({"customerID": "'; DROP TABLE"}, "metadata.customerID"),
    ],
)
def test_metadata_that_is_not_small_and_flat_is_refused(api: Api, metadata: Any, field: str) -> None:
    response = api.process(metadata=metadata)
    assert (response.status_code, fields_of(response)) == (400, [field])
    assert nothing_happened()


@pytest.mark.parametrize("order", ["order-4242424242424242", "4242424242424241", "9999999999999995", "424242424242"])
def test_an_order_number_that_is_no_card_number_is_taken(api: Api, order: str) -> None:
    assert api.process(metadata={"orderID": order}).status_code == 202


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"paymentMethod": {"type": "card", "token": "tok_4242424242424242"}}, "paymentMethod.token"),
        ({"idempotencyKey": "4242424242424242"}, "idempotencyKey"),
        ({"metadata": {"orderID": "4242424242424242"}}, "metadata.orderID"),
        ({"metadata": {"customerID": "378282246310005"}}, "metadata.customerID"),
        ({"metadata": {"note": "my card 4242 4242 4242 4242 ok"}}, "metadata.note"),
    ],
)
def test_a_card_number_is_taken_nowhere(api: Api, change: dict[str, Any], field: str) -> None:
    response = api.process(**change)
    assert (response.status_code, fields_of(response)) == (400, [field])
    assert "4242" not in response.content.decode().replace(field, "")
    assert nothing_happened()


@pytest.mark.parametrize("literal", ['{"a": "\\u0000"}', '{"\\u0000": "a"}', '{"a": "\\ud800"}', '{"a": 1e400}'])
def test_characters_that_cannot_be_stored_are_refused(api: Api, literal: str) -> None:
    assert api.post("/api/payments/process", raw("metadata", literal)).status_code == 400
    assert nothing_happened()


@pytest.mark.parametrize("field", ["id", "status", "client", "amount_refunded", "capture"])
def test_unknown_fields_are_refused_by_name(api: Api, field: str) -> None:
    response = api.process(**{field: "x"})
    assert (response.status_code, fields_of(response)) == (400, [field])
    assert nothing_happened()


@pytest.mark.parametrize(
    "body",
    ["[]", '"x"', "null", "", "{}{}", "{", "5", "[" * 3000, "[" * 60_000, '{"a":' * 40 + "1" + "}" * 40]
    + ['{"amount": 1, "amount": 2}', "[" + "1," * 10_001 + "1]", b"\xff\xfe", '{"a": "\\ud800"}', "\ufeff{}"],
)
def test_a_body_that_is_no_plain_json_object_is_refused(api: Api, body: str | bytes) -> None:
    response = api.post("/api/payments/process", body)
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert nothing_happened()


def test_many_errors_are_named_at_once(api: Api) -> None:
    response = api.post("/api/payments/process", "{}")
    assert fields_of(response) == ["idempotencyKey", "currency", "amount", "paymentMethod"]


@pytest.mark.parametrize("size", [65_537, 3_000_000])
def test_a_body_over_64_kib_is_413(api: Api, size: int) -> None:
    response = api.post("/api/payments/process", json.dumps({"metadata": "x" * size}))
    assert response.status_code == 413
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ],
)
def test_another_content_type_is_415(api: Api, content_type: str) -> None:
    response = api.post("/api/payments/process", BODY, content_type=content_type)
    assert response.status_code == 415
    assert response["Content-Type"] == "application/problem+json"


def test_a_compressed_body_is_415(api: Api) -> None:
    assert api.post("/api/payments/process", BODY, content_encoding="gzip").status_code == 415


def test_every_refusal_says_that_nothing_was_charged_and_what_to_do(api: Api) -> None:
    answer = api.process(amount=0).json()  # type: ignore[attr-defined]
    assert answer["moneyMoved"] is False
    assert answer["detail"] == (
        "Nothing was done and nothing was charged. Correct the fields named in errors and send it again."
    )
    assert answer["errors"] == [{"field": "amount", "message": "must be between 0.50 USD and 999999.99 USD."}]
