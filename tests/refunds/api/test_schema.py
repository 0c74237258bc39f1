"""The description of the refunds API holds for what it answers, takes and refuses (/api/schema)."""

import json
from typing import Any

import pytest
from django.test import Client as Browser
from drf_spectacular.validation import validate_schema

from payments.models import Client, Event, Order
from refunds.api import schema, validation
from tests.payments.api.conftest import Api
from tests.refunds.rows import attempted, paid, written

pytestmark = pytest.mark.django_db

# Amounts are shown with their decimals, so that a number of the description is never read as a whole one.
_JSON = {str: "string", bool: "boolean", int: "integer", float: "number", dict: "object", type(None): "null"}


def described() -> dict[str, Any]:
    return dict(json.loads(Browser().get("/api/schema").content))


def fits(value: Any, shape: dict[str, Any]) -> bool:
    """Say whether `value`, and each object in it, has exactly the members that the shape promises."""
    if isinstance(value, list):
        return all(fits(item, shape["items"]) for item in value)
    if isinstance(value, dict) and "properties" in shape and "required" in shape:
        inside = shape["properties"]
        return set(value) == set(shape["required"]) and all(fits(value[name], inside[name]) for name in value)
    types = shape.get("type", "object")
    return _JSON[type(value)] in ([types] if isinstance(types, str) else types)


def test_every_call_is_described_with_its_scope_and_its_answers() -> None:
    found = described()
    validate_schema(found)  # type: ignore[no-untyped-call]
    calls = {
        ("/api/payments/{payment_id}/refunds", "post"): "202 400 401 403 404 409 413 415 422 503",
        ("/api/refunds", "get"): "200 400 401 403 503",
        ("/api/refunds/{refund_id}", "get"): "200 401 403 404 503",
        ("/api/refunds/{refund_id}/cancel", "post"): "200 401 403 404 409 503",
        ("/api/refunds/proactive", "post"): "202 400 401 403 404 409 413 415 422 503",
    }
    for (path, method), statuses in calls.items():
        operation = found["paths"][path][method]
        assert sorted(operation["responses"]) == statuses.split(), path
        assert operation["description"].startswith("Scope: refunds:"), path
        assert operation["tags"] == ["refunds"]


def test_answers_have_exactly_the_members_that_are_promised(shop: Client, api: Api) -> None:
    payment = paid(shop, amount=3000)
    sent = attempted(written(payment, 100))
    Order.objects.update(customer_reference="cust-1")
    body = {"idempotencyKey": "order-1-refund", "amount": 1.00, "reason": "other"}
    refund = api.post(f"/api/payments/{payment.pk}/refunds", body).json()  # type: ignore[attr-defined]
    assert fits(refund, schema.REFUND)
    listed = api.get("/api/refunds").json()["data"]  # type: ignore[attr-defined]
    assert [fits(row, schema.REFUND) for row in listed] == [True, True]
    shown = api.get(f"/api/refunds/{sent.refund_id}").json()  # type: ignore[attr-defined]
    assert (fits(shown, schema.REFUND_WITH_ATTEMPTS), len(shown["attempts"])) == (True, 1)
    complaint = {"idempotencyKey": "complaint-1", "orderID": "order-1", "complaint": "Broken."}
    refunded = api.post("/api/refunds/proactive", complaint).json()  # type: ignore[attr-defined]
    assert (refunded["decision"], fits(refunded, schema.ANSWERED)) == ("refunded", True)


def test_a_complaint_that_goes_to_people_is_described_too(shop: Client, api: Api) -> None:
    paid(shop)
    complaint = {"idempotencyKey": "complaint-1", "orderID": "order-1", "complaint": "Broken."}
    found = api.post("/api/refunds/proactive", complaint).json()  # type: ignore[attr-defined]
    assert (found["decision"], fits(found, schema.ANSWERED)) == ("review", True)


def test_what_is_described_as_a_request_is_what_is_taken() -> None:
    assert set(schema.REQUEST["properties"]) == validation._REFUND
    assert set(schema.COMPLAINT["properties"]) == validation._COMPLAINT


def test_an_amount_is_described_as_a_number_that_is_never_null() -> None:
    amount = schema.REQUEST["properties"]["amount"]
    assert (amount["type"], "amount" in schema.REQUEST["required"]) == ("number", False)
    assert "null" not in amount["description"]


def test_the_events_of_a_refund_carry_what_is_described(shop: Client, api: Api) -> None:
    payment = paid(shop)
    body = {"idempotencyKey": "order-1-refund", "amount": 1.00, "reason": "other"}
    api.post(f"/api/payments/{payment.pk}/refunds", body)
    data = json.loads(Event.objects.get(type="refund.created").body)["data"]
    assert fits(data, schema.PAYMENT_WITH_REFUND)
    reference = described()["webhooks"]["refund.created"]["post"]["requestBody"]["content"]["application/json"][
        "schema"
    ]
    assert reference["properties"]["data"] == {"$ref": "#/components/schemas/PaymentWithRefund"}
