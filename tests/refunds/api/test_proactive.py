"""POST /api/refunds/proactive as a program sees it (requirement D4). What is decided: tests/refunds/services."""

import json
from typing import Any

import pytest
from django.http import HttpResponse

from payments.models import Client, OperatorTask, Order, Payment
from refunds.models import Complaint, Refund
from tests.payments.api.conftest import Api, api_of, fields_of
from tests.payments.conftest import accepted, reload
from tests.refunds.api.conftest import everything
from tests.refunds.rows import disputed, paid, written

pytestmark = pytest.mark.django_db

PATH = "/api/refunds/proactive"
BODY: dict[str, Any] = {
    "idempotencyKey": "order-1-complaint",
    "orderID": "order-1",
    "complaint": "The cup arrived\nbroken.",
}


def bought(shop: Client, **changes: str | int) -> Payment:
    payment = paid(shop, "order-1-pay", **{"amount": 3000, **changes})
    Order.objects.update(customer_reference="cust-1")
    return payment


def post(api: Api, body: Any = None, **changes: Any) -> HttpResponse:
    """Complain about order-1; a change to None takes the field out. `headers`: of the request."""
    headers = changes.pop("headers", {})
    if body is None:
        body = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
    return api.post(PATH, body, **headers)


def answer(response: HttpResponse, status: int = 202) -> dict[str, Any]:
    assert response.status_code == status, response.content
    return dict(json.loads(response.content))


def refused(api: Api, status: int, body: Any = None, **changes: Any) -> dict[str, Any]:
    """Return the problem that the complaint meets, having looked that nothing moved."""
    before = everything()
    response = post(api, body, **changes)
    found = answer(response, status)
    assert everything() == before
    assert (found["status"], found["moneyMoved"]) == (status, False)
    return {**found, "fields": fields_of(response)}


def test_a_small_order_is_refunded_at_once(shop: Client, api: Api) -> None:
    payment = bought(shop)
    response = post(api)
    (complaint,), (refund,) = Complaint.objects.all(), Refund.objects.all()
    found = answer(response)
    assert (found["refund"]["refundID"], found["refund"]["amount"], found["refund"]["status"]) == (
        *(refund.pk, 30.0, "requested"),
    )
    assert (found["refund"]["reason"], found["refund"]["idempotencyKey"]) == ("proactive_customer_satisfaction", None)
    assert {name: value for name, value in found.items() if name != "refund"} == {
        "complaintID": complaint.pk,
        "orderID": "order-1",
        "paymentID": payment.pk,
        "decision": "refunded",
        "why": "30.00 USD is below the limit of 50.00 USD, and within the day's budget.",
        "amount": 30.0,
        "amountMinor": 3000,
        "currency": "USD",
        "taskID": None,
    }
    assert response.headers["Location"] == f"/api/refunds/{refund.pk}"
    assert (complaint.words, refund.note) == ("The cup arrived broken.", "The cup arrived broken.")
    assert (complaint.requested_by, reload(payment).refund_reserved) == (f"client:{shop.pk}", 3000)


def test_a_larger_one_goes_to_people_and_nothing_moves(shop: Client, api: Api) -> None:
    payment = bought(shop, amount=5000)
    response = post(api)
    found = answer(response)
    assert (found["decision"], found["refund"], found["taskID"]) == ("review", None, OperatorTask.objects.get().pk)
    assert ("Location" in response, reload(payment).refund_reserved, Refund.objects.count()) == (False, 0, 0)


@pytest.mark.parametrize(
    ("currency", "amount", "shown"), [("JPY", 49, b'"amount":49,'), ("KWD", 49_999, b'"amount":49.999,')]
)
def test_amounts_are_exact(shop: Client, api: Api, currency: str, amount: int, shown: bytes) -> None:
    bought(shop, amount=amount, currency=currency)
    response = post(api)
    assert (answer(response)["decision"], Refund.objects.get().amount) == ("refunded", amount)
    assert response.content.count(shown) == 2


@pytest.mark.parametrize("amount", [3000, 5000])
def test_a_repeated_complaint_is_answered_as_the_first_one(shop: Client, api: Api, amount: int) -> None:
    bought(shop, amount=amount)
    first, again = post(api), post(api)
    assert answer(first) == answer(again)
    assert ("Idempotent-Replayed" in first, again.headers["Idempotent-Replayed"]) == (False, "true")
    assert (Complaint.objects.count(), Refund.objects.count()) == (1, int(amount == 3000))


def test_the_key_may_come_as_a_header(shop: Client, api: Api) -> None:
    bought(shop)
    only = post(api, idempotencyKey=None, headers={"idempotency_key": "order-1-complaint"})
    assert answer(only)["complaintID"] == answer(post(api))["complaintID"]


def test_the_key_of_another_complaint_is_refused(shop: Client, api: Api) -> None:
    bought(shop)
    answer(post(api))
    assert refused(api, 422, complaint="Something else.")["code"] == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"idempotencyKey": None}, "idempotencyKey"),
        ({"idempotencyKey": "~proactive:1"}, "idempotencyKey"),
        ({"orderID": None}, "orderID"),
        ({"orderID": 12345}, "orderID"),
        ({"orderID": ""}, "orderID"),
        ({"orderID": "x" * 65}, "orderID"),
        ({"orderID": "4242424242424242"}, "orderID"),
        ({"complaint": None}, "complaint"),
        ({"complaint": ""}, "complaint"),
        ({"complaint": " \n "}, "complaint"),
        ({"complaint": "x" * 1001}, "complaint"),
        ({"complaint": ["broken"]}, "complaint"),
        ({"complaint": "red \x1b[31m"}, "complaint"),
        ({"complaint": "my card 4242-4242-4242-4242"}, "complaint"),
        ({"amount": 10}, "amount"),
        ({"decision": "refunded"}, "decision"),
    ],
)
def test_a_bad_field_is_named_and_nothing_moves(shop: Client, api: Api, change: dict[str, Any], field: str) -> None:
    bought(shop)
    found = refused(api, 400, **change)
    assert (found["code"], found["fields"]) == ("invalid_request", [field])


@pytest.mark.parametrize("body", [b"", b"[]", b"{"])
def test_what_is_no_object_is_refused(shop: Client, api: Api, body: bytes) -> None:
    bought(shop)
    assert refused(api, 400, body)["code"] == "invalid_request"


def test_a_disputed_order_is_refused(shop: Client, api: Api) -> None:
    disputed(bought(shop), 3000)
    assert refused(api, 409)["code"] == "payment_disputed"


def test_an_order_that_was_refunded_already_is_refused(shop: Client, api: Api) -> None:
    written(bought(shop), 3000)
    assert refused(api, 409)["code"] == "fully_refunded"


def test_an_order_that_is_not_paid_is_refused(shop: Client, api: Api) -> None:
    accepted(shop)
    assert refused(api, 409)["code"] == "payment_not_captured"


def test_another_shops_order_is_answered_as_one_that_does_not_exist(shop: Client, api: Api, stranger: Api) -> None:
    bought(shop)
    theirs, unknown = refused(stranger, 404), refused(api, 404, orderID="order-9")
    assert {**theirs, "timestamp": ""} == {**unknown, "timestamp": ""}


def test_a_key_without_the_scope_may_not(shop: Client) -> None:
    bought(shop)
    assert refused(api_of(shop, "refunds:read", "payments:write"), 403)["code"] == "scope_missing"
    assert refused(Api("psk_test_of_nobody_at_all_000"), 401)["code"] == "unauthenticated"
    assert post(api_of(shop, "refunds:write")).status_code == 202
