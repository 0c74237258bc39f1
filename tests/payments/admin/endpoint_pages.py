"""The console's pages of webhook endpoints, what is sent to them, and the one row there is."""

import re
from typing import Any

from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import Client, WebhookEndpoint
from payments.services.publish import publish
from tests.payments.conftest import after, sent

LIST = "/admin/payments/webhookendpoint/"
ADD = f"{LIST}add/"
# A literal public address: no name has to be looked up.
URL = "https://93.184.215.14/events"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{32,}")
OLD = "whsec_" + "c2VjcmV0" * 5
# What each act is sent besides a reason.
FIELDS: dict[str, dict[str, Any]] = {
    "rotate": {"hours": 24},
    "redeliver": {"since": "2020-01-01 00:00", "what": "everything"},
}


def fields(shop: Client, **changes: Any) -> dict[str, Any]:
    return {"client": shop.pk, "url": URL, "types": ["payment.succeeded"], "description": "Orders", **changes}


def page_of(endpoint: WebhookEndpoint) -> str:
    return f"{LIST}{endpoint.pk}/change/"


def do(browser: Browser, endpoint: WebhookEndpoint, slug: str, **more: Any) -> Any:
    data = {"reason": "shop asked", **FIELDS.get(slug, {}), **more}
    return browser.post(f"{LIST}{endpoint.pk}/do/{slug}/", data)


def told(shop: Client, number: int = 1) -> None:
    after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.SUCCEEDED)
    publish()


def row() -> dict[str, Any]:
    return dict(WebhookEndpoint.objects.values().get())
