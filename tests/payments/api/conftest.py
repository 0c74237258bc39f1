"""Speaks to the API as a program would."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client as Browser

from payments.models import SCOPES, ApiKey, Client, WebhookEndpoint

BODY: dict[str, Any] = {
    "idempotencyKey": "order_123_payment_456",
    "amount": 100.00,
    "currency": "USD",
    "paymentMethod": {"type": "card", "token": "tok_123456789"},
    "metadata": {"orderID": "order_123", "customerID": "customer_456"},
}


# Of an endpoint: a literal public address, so that no name has to be looked up.
URL = "https://93.184.215.14/events"


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


def api_of(client: Client, *scopes: str) -> Api:
    return Api(ApiKey.issue(client=client, scopes=list(scopes or SCOPES), mode="test", label="tests")[1])


@pytest.fixture
def stranger(db: None) -> Api:
    return api_of(Client.objects.create(slug="other", name="Other", form_secret="x"))


@pytest.fixture
def endpoint(shop: Client) -> WebhookEndpoint:
    secret = "whsec_" + "c2VjcmV0" * 5
    made = WebhookEndpoint.objects.create(client=shop, url=URL, description="Orders", secret=secret)
    return WebhookEndpoint.objects.get(pk=made.pk)
