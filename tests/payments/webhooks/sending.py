"""Events as a gateway sends them: signed, posted to the site, or stored as if they had been."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.test import Client as Browser
from standardwebhooks import Webhook

from payments.gateways.base import EventNotice
from payments.models import Attempt, GatewayEvent
from payments.services.gateway_events.store import store

ADDRESS: Final = "/webhooks/primary"


def body_of(event_id: str, type_: str, charge: dict[str, Any], **more: Any) -> bytes:
    """Return the bytes of an event about `charge`; `more` joins its data."""
    document = {
        "id": event_id,
        "type": type_,
        "created": 1_790_000_000,
        "apiVersion": "1",
        "data": {"object": charge, **more},
    }
    return json.dumps(document, separators=(",", ":")).encode()


def charge_of(attempt: Attempt, reference: str = "ch_1", **changes: Any) -> dict[str, Any]:
    """Return the charge of `attempt` as the sandbox gateway shows it, as far as events need it."""
    return {
        "object": "charge",
        "id": reference,
        "idempotency_key": attempt.gateway_key,
        "reference": attempt.payment_id,
        "currency": attempt.currency,
        **changes,
    }


def headers_of(event_id: str, body: bytes, *, age: float = 0, secret: str = "") -> dict[str, str]:
    """Return the headers of a delivery that was signed `age` seconds ago."""
    at = datetime.now(UTC) - timedelta(seconds=age)
    webhook = Webhook(secret or settings.DEMO_WEBHOOK_SECRET)
    return {
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": webhook.sign(event_id, at, body.decode()),
    }


def deliver(body: bytes, headers: dict[str, str], address: str = ADDRESS) -> Any:
    """Post a delivery to the site, as anybody can."""
    browser = Browser(enforce_csrf_checks=True, raise_request_exception=False)
    return browser.post(address, body, content_type="application/json", headers={**headers, "host": "127.0.0.1"})


def send(event_id: str, type_: str, charge: dict[str, Any], **more: Any) -> Any:
    """Deliver a rightly signed event."""
    body = body_of(event_id, type_, charge, **more)
    return deliver(body, headers_of(event_id, body))


def stored(attempt: Attempt | None, type_: str, *, number: int = 1, body: bytes = b"{}", **names: Any) -> GatewayEvent:
    """Store an event about `attempt` as if it had been received; `names`: reference, key, payment_id, gateway."""
    gateway = names.pop("gateway", attempt.gateway if attempt else "primary")
    ours: dict[str, Any] = {"key": attempt.gateway_key, "payment_id": attempt.payment_id} if attempt else {}
    notice = EventNotice(f"evt_{number}", type=type_, **{**ours, **names})
    store(gateway, notice, body)
    return GatewayEvent.objects.get(gateway=gateway, event_id=f"evt_{number}")
