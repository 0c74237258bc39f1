"""POST …/refunds: what is refused, with nothing moved (requirements D1, D5; bad inputs B90 to B104)."""

import json
from typing import Any

import pytest
from django.db import OperationalError, connection

from payments.models import Client, Payment
from tests.payments.api.conftest import Api, api_of
from tests.payments.conftest import accepted, reload
from tests.refunds.api.asking import answer, path_of, post, refused
from tests.refunds.api.conftest import everything
from tests.refunds.rows import disputed, paid, written

pytestmark = pytest.mark.django_db(transaction=True)


# What is refused as not valid.


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"idempotencyKey": None}, "idempotencyKey"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "abc"}, "idempotencyKey"),
        ({"idempotencyKey": "~console:1"}, "idempotencyKey"),
        ({"idempotencyKey": "~proactive:cmp_1"}, "idempotencyKey"),
        ({"idempotencyKey": 12345}, "idempotencyKey"),
        ({"idempotencyKey": "4242424242424242"}, "idempotencyKey"),
        ({"amount": 0}, "amount"),
        ({"amount": -1}, "amount"),
        ({"amount": -0.01}, "amount"),
        ({"amount": 1.001}, "amount"),
        ({"amount": "30.00"}, "amount"),
        ({"amount": True}, "amount"),
        ({"amount": [30]}, "amount"),
        ({"amount": 1e30}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"currency": "usd"}, "currency"),
        ({"currency": 840}, "currency"),
        ({"reason": None}, "reason"),
        ({"reason": "because"}, "reason"),
        ({"reason": ["duplicate"]}, "reason"),
        ({"note": "x" * 501}, "note"),
        ({"note": 7}, "note"),
        ({"note": "bell \x07"}, "note"),
        ({"note": "paid with 4242 4242 4242 4242"}, "note"),
        ({"id": "rf_1"}, "id"),
        ({"state": "succeeded"}, "state"),
        ({"status": "succeeded"}, "status"),
        ({"merchant": 1}, "merchant"),
        ({"amount_refunded": 1}, "amount_refunded"),
        ({"needsApproval": False}, "needsApproval"),
        ({"approvedBy": "operator:anna"}, "approvedBy"),
        ({"limits": {"USD": 10**9}}, "limits"),
        ({"cvc": "123"}, "cvc"),
    ],
)
def test_a_bad_field_is_named_and_nothing_moves(shop: Client, api: Api, change: dict[str, Any], field: str) -> None:
    found = refused(api, paid(shop), 400, **change)
    assert (found["code"], found["fields"]) == ("invalid_request", [field])
    assert found["detail"] == (
        "Nothing was refunded and no money moved. Correct the fields named in errors and send it again."
    )


def test_an_amount_of_null_is_a_callers_mistake_and_not_everything(shop: Client, api: Api) -> None:
    found = refused(api, paid(shop), 400, '{"idempotencyKey": "order-1-refund", "amount": null, "reason": "other"}')
    (error,) = found["errors"]
    assert error == {
        "field": "amount",
        "message": "is null. Give a number, or leave the field out to refund everything that is left.",
    }


@pytest.mark.parametrize("amount", ["1250.0", "1250.00", "0.5"])
def test_decimals_of_a_currency_without_any_are_refused(shop: Client, api: Api, amount: str) -> None:
    raw = f'{{"idempotencyKey": "order-1-refund", "amount": {amount}, "reason": "other"}}'
    assert refused(api, paid(shop, currency="JPY"), 400, raw)["fields"] == ["amount"]


@pytest.mark.parametrize("amount", ["1e2", "NaN", "Infinity", "+5", "1.2345"])
def test_numbers_that_are_no_plain_decimals_are_refused(shop: Client, api: Api, amount: str) -> None:
    raw = f'{{"idempotencyKey": "order-1-refund", "amount": {amount}, "reason": "other"}}'
    refused(api, paid(shop, currency="KWD"), 400, raw)


@pytest.mark.parametrize("body", [b"", b"[]", b'"x"', b"{", b'{"reason": "other", "reason": "other"}', b"\xff"])
def test_what_is_no_object_is_refused(shop: Client, api: Api, body: bytes) -> None:
    assert refused(api, paid(shop), 400, body)["code"] == "invalid_request"


def test_two_keys_that_differ_are_refused(shop: Client, api: Api) -> None:
    found = refused(api, paid(shop), 400, headers={"idempotency_key": "another-key"})
    assert found["fields"] == ["idempotencyKey"]


def test_a_body_that_is_too_large_or_no_json_is_refused(shop: Client, api: Api) -> None:
    payment = paid(shop)
    found = refused(api, payment, 413, b'{"note": "' + b"x" * 70_000 + b'"}')
    assert (found["code"], found["detail"]) == (
        "body_too_large",
        "At most 65536 bytes are read. Nothing was done. No money moved.",
    )
    before = everything()
    form = api.post(path_of(payment), "reason=other", content_type="application/x-www-form-urlencoded")
    assert answer(form, 415)["detail"] == "Nothing was refunded and no money moved. Send JSON, in UTF-8."
    assert everything() == before


# What is refused by rule.


def test_more_than_what_is_left_is_refused(shop: Client, api: Api) -> None:
    payment = paid(shop)
    written(payment, 8000)
    found = refused(api, payment, 409, amount=20.01)
    assert (found["code"], found["paymentID"]) == ("amount_exceeds_refundable", payment.pk)
    assert found["detail"] == (
        "At most 20.00 USD of 100.00 USD can still be refunded. Nothing was done and no money moved."
    )
    answer(post(api, payment, amount=20.00))
    assert refused(api, payment, 409, amount=0.01, idempotencyKey="one-cent-more")["code"] == "fully_refunded"
    assert refused(api, payment, 409, amount=None, idempotencyKey="all-that-is-left")["code"] == "fully_refunded"


def test_a_payment_that_was_not_captured_is_refused(shop: Client, api: Api) -> None:
    payment = accepted(shop)
    assert refused(api, payment, 409)["code"] == "payment_not_captured"


def test_a_disputed_payment_is_refused(shop: Client, api: Api) -> None:
    payment = paid(shop)
    disputed(payment, 1000)
    assert refused(api, payment, 409, amount=1)["code"] == "payment_disputed"
    found = json.loads(api.get(f"/api/payments/{payment.pk}").content)
    assert (found["disputedAmount"], found["refundableAmount"]) == (10.0, 0.0)


def test_after_a_lost_dispute_the_payment_says_where_the_money_went(shop: Client, api: Api) -> None:
    payment = paid(shop)
    disputed(payment, 10_000, "lost")
    refusal = refused(api, payment, 409, amount=1)
    assert refusal["code"] == "nothing_left"
    assert refusal["detail"] == (
        "Nothing is left to refund: of 100.00 USD, 100.00 USD went back by a dispute that was lost. "
        "Nothing was done and no money moved."
    )
    response = api.get(f"/api/payments/{payment.pk}")
    assert b'"chargedBackAmount":100.00,"chargedBackAmountMinor":10000' in response.content
    found = json.loads(response.content)
    assert [found[f"{name}AmountMinor"] for name in ("refunded", "refundable", "disputed")] == [0, 0, 0]


@pytest.mark.parametrize(("captured_on", "status"), [(180, 202), (181, 409)])
def test_the_window_ends_with_its_180th_day(shop: Client, api: Api, captured_on: int, status: int) -> None:
    payment = paid(shop)
    days_ago(payment, captured_on)
    found = answer(post(api, payment), status)
    if status == 409:
        assert (found["code"], reload(payment).refund_reserved) == ("refund_window_over", 0)


def days_ago(payment: Payment, days: int) -> None:
    interval = {"sqlite": f"strftime('%Y-%m-%d %H:%M:%f', processed_at, '-{days} days')"}
    moved = interval.get(connection.vendor, f"processed_at - interval '{days} days'")
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE payments_payment SET processed_at = {moved} WHERE id = '{payment.pk}'")


# Who may.


def test_another_shops_payment_is_answered_as_one_that_does_not_exist(shop: Client, api: Api, stranger: Api) -> None:
    payment = paid(shop)
    unknown = f"{payment.pk[:-2]}zz"
    problems = [refused(stranger, which, 404) for which in (payment, unknown, "pay_1", "1")]
    problems.append(refused(api, unknown, 404))
    told = [{name: value for name, value in found.items() if name != "timestamp"} for found in problems]
    assert all(each == told[0] for each in told)
    assert told[0]["detail"] == "Nothing was done and no money moved. Check the id and the API key."


@pytest.mark.parametrize("scopes", [("refunds:read",), ("payments:write", "payments:read")])
def test_a_key_without_the_scope_may_not(shop: Client, scopes: tuple[str, ...]) -> None:
    found = refused(api_of(shop, *scopes), paid(shop), 403)
    assert found["code"] == "scope_missing"
    assert found["detail"] == "The call needs the scope refunds:write. Nothing was done. No money moved."


def test_the_scope_is_enough(shop: Client) -> None:
    assert post(api_of(shop, "refunds:write"), paid(shop)).status_code == 202


def test_nobody_is_nobody(shop: Client) -> None:
    assert refused(Api("psk_test_of_nobody_at_all_000"), paid(shop), 401)["code"] == "unauthenticated"


def test_a_refund_is_asked_for_by_post_alone(shop: Client, api: Api) -> None:
    assert api.get(path_of(paid(shop))).status_code == 405


# When the database is away.


def test_what_cannot_be_stored_is_refused_and_may_be_sent_again(
    shop: Client, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(shop)

    def away(*_: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr("refunds.api.views.request_refund", away)
        response = post(api, payment)
    found = answer(response, 503)
    assert (found["retryable"], response.headers["Retry-After"]) == (True, "2")
    assert found["detail"] == "Send the same request with the same idempotency key again; it is never refunded twice."
    assert reload(payment).refund_reserved == 0
    assert post(api, payment).status_code == 202
