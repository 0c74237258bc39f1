"""Speaks to the API as a program would."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

BODY: dict[str, Any] = {
    "idempotencyKey": "order_123_payment_456",
    "amount": 100.00,
    "currency": "USD",
    "paymentMethod": {"type": "card", "token": "tok_123456789"},
    "metadata": {"orderID": "order_123", "customerID": "customer_456"},
}


class Api:
    """A caller with one API key."""

    def __init__(self, key: str) -> None:
        self._browser = Browser(headers={"authorization": f"Bearer {key}"}, raise_request_exception=False)

    def get(self, path: str, **query: str) -> HttpResponse:
        return self._browser.get(path, query)  # type: ignore[return-value]

    def post(self, path: str, body: Any, content_type: str = "application/json", **headers: str) -> HttpResponse:
        """Send `body`: bytes and text as they are, anything else as JSON. `headers` in snake_case."""
        raw = body if isinstance(body, str | bytes) else json.dumps(body)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._browser.post(path, raw, content_type=content_type, headers=named)  # type: ignore[return-value]

    def patch(self, path: str, body: Any) -> HttpResponse:
        return self._browser.patch(path, json.dumps(body), content_type="application/json")  # type: ignore[return-value]

    def delete(self, path: str) -> HttpResponse:
        return self._browser.delete(path)  # type: ignore[return-value]

    def process(self, **changes: Any) -> HttpResponse:
        return self.post("/api/payments/process", {**BODY, **changes})


@pytest.fixture
def api(api_key: str) -> Api:
    return Api(api_key)


def fields_of(response: HttpResponse) -> list[str]:
    """Return the fields that a 400 names."""
    return [error["field"] for error in json.loads(response.content).get("errors", [])]
