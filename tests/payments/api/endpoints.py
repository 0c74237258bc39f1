"""What the tests of webhook endpoints share: addresses, answers, and something to be told."""

import json
import re
from typing import Any

from django.http import HttpResponse

from payments.gateways.base import Kind
from payments.models import Client, Delivery, Event, WebhookEndpoint
from payments.services.publish import publish
from tests.payments.conftest import after, sent

LIST = "/api/webhook-endpoints"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{32,}")
CORRECT = "Nothing was changed. Correct the fields named in errors and send it again."
NOBODYS = f"{LIST}/we_{'0' * 26}"


def read(response: HttpResponse, status: int = 200) -> dict[str, Any]:
    assert response.status_code == status, response.content
    return dict(json.loads(response.content))


def url_of(endpoint: WebhookEndpoint, act: str = "") -> str:
    return f"{LIST}/{endpoint.pk}{act and '/'}{act}"


def told(shop: Client, number: int = 1) -> list[Event]:
    """Let two things happen to a payment and give them their places."""
    after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.SUCCEEDED)
    publish()
    return list(Event.objects.order_by("-position")[:2])[::-1]


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))
