"""Asks for refunds as a program would."""

import json
from typing import Any

from django.http import HttpResponse

from payments.models import Payment
from tests.payments.api.conftest import Api, fields_of
from tests.refunds.api.conftest import everything

BODY: dict[str, Any] = {"idempotencyKey": "order-1-refund", "amount": 30.00, "reason": "customer_request"}


def path_of(payment: Payment | str) -> str:
    return f"/api/payments/{payment if isinstance(payment, str) else payment.pk}/refunds"


def post(api: Api, payment: Payment | str, body: Any = None, **changes: Any) -> HttpResponse:
    """Ask for a refund of 30.00; a change to None takes the field out. `headers`: of the request."""
    headers = changes.pop("headers", {})
    if body is None:
        body = {name: value for name, value in {**BODY, **changes}.items() if value is not None}
    return api.post(path_of(payment), body, **headers)


def answer(response: HttpResponse, status: int = 202) -> dict[str, Any]:
    assert response.status_code == status, response.content
    return dict(json.loads(response.content))


def refused(api: Api, payment: Payment | str, expected: int, body: Any = None, /, **changes: Any) -> dict[str, Any]:
    """Return the problem that the request meets, having looked that nothing moved."""
    before = everything()
    response = post(api, payment, body, **changes)
    found = answer(response, expected)
    assert everything() == before
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (found["status"], found["moneyMoved"]) == (expected, False)
    return {**found, "fields": fields_of(response)}
