"""What the tests of the ladder share: customers, breakers, and time that passes until a payment rests."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now
from django.utils import timezone

from payments.clock import database_now
from payments.declines import DEFAULTS, DeclineClass
from payments.models import (
    AuditEntry,
    CheckoutSession,
    Circuit,
    CustomerStanding,
    Order,
    Payment,
)
from payments.services.settle import Settler
from tests.payments.api.conftest import Api
from tests.payments.conftest import reload

FRAUD = sorted(code for code, meaning in DEFAULTS.items() if meaning.decline_class is DeclineClass.FRAUD)


def make_due() -> None:
    Payment.objects.filter(due_at__isnull=False).update(due_at=Now() - timedelta(seconds=1))


def settle(settler: Settler, payment: Payment, *, turns: int = 12) -> Payment:
    """Take every next step as soon as there is one, until the payment rests, waits for somebody, or is queued."""
    for _ in range(turns):
        make_due()
        settler.drain()
        found = reload(payment)
        if found.status not in {"pending", "processing", "retrying"} or found.queued_at is not None:
            return found
    return reload(payment)


def customer_of(payment: Payment, *, trusted: bool | None = None) -> None:
    """Give the order a customer with an address and a checkout page; `trusted` by an operator's word."""
    Order.objects.filter(pk=payment.order_id).update(customer_reference="anna", customer_email="anna@shop.test")
    CheckoutSession.objects.create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="https://shop.test/thanks",
        expires_at=timezone.now() + timedelta(hours=1),
    )
    if trusted is not None:
        CustomerStanding.objects.update_or_create(
            client_id=payment.client_id,
            customer_reference="anna",
            defaults={"trusted": trusted, "reason": "test", "set_by": "operator:test"},
        )


def open_breaker(gateway: str, operation: str = "charge") -> None:
    Circuit.objects.update_or_create(
        gateway=gateway,
        operation=operation,
        defaults={"state": "open", "epoch": 1, "try_at": database_now() + timedelta(hours=1), "why": "test"},
    )


def close_breakers() -> None:
    Circuit.objects.all().delete()


def tries(payment: Payment) -> list[tuple[str, int, str]]:
    """Return gateway, level and end of each attempt."""
    return list(payment.attempts.order_by("number").values_list("gateway", "level", "state"))


def told(payment: Payment, action: str) -> list[dict[str, Any]]:
    entries = AuditEntry.objects.filter(payment_id=payment.pk, action=action).order_by("id")
    return [{"reason": entry.reason, "status": entry.after, **entry.data} for entry in entries]


def mails(payment: Payment) -> list[str]:
    return list(payment.messages.order_by("id").values_list("kind", flat=True))


def everything_the_api_says(api: Api, payment: Payment) -> str:
    paths = (f"/api/payments/{payment.pk}", f"/api/payments/{payment.pk}/status", "/api/payments")
    said = [api.get(path).content.decode() for path in paths]
    said.append(api.get("/api/audit/payments").content.decode())
    said.append(api.get("/api/audit/payments", paymentID=payment.pk).content.decode())
    said.append(api.post(f"/api/payments/{payment.pk}/retry", {}).content.decode())
    assert all('"status"' in each for each in said)
    return "".join(said)
