"""People at the console, and disputes of payments that are captured without any gateway having to run."""

from datetime import timedelta
from typing import Any

import pytest

from disputes.models import Dispute
from disputes.services.heard import heard
from payments.clock import database_now
from payments.gateways.after_capture import DisputeReport
from payments.models import Attempt, AuditEntry, Client, Event, GatewayEvent, Payment
from payments.services import gateway_events
from tests.payments.admin.conftest import administrator, operator, text_of, viewer
from tests.payments.conftest import BECAUSE, api_key, shop
from tests.payments.webhooks.sending import body_of, charge_of, stored
from tests.refunds.admin.conftest import page_of as payment_page
from tests.refunds.admin.conftest import paid, words_of

__all__ = ["administrator", "api_key", "operator", "payment_page", "shop", "text_of", "viewer", "words_of"]

LIST = "/admin/disputes/dispute/"


@pytest.fixture
def payment(shop: Client) -> Payment:
    """A captured payment of 100.00 USD."""
    return paid(shop)


def told(payment: Payment, number: int = 1, **dispute: Any) -> Dispute:
    """Let the gateway's event of a dispute come, and be applied; the gateway was not asked yet."""
    attempt = Attempt.objects.get(payment=payment)
    now = database_now()
    days = dispute.pop("days", 14)
    said = {"reason": "fraudulent", "amount": 4000, "due_by": int((now + timedelta(days=days)).timestamp()), **dispute}
    about = said.setdefault("id", f"dp_{number}")
    body = body_of(f"evt_{number}", "dispute.created", charge_of(attempt), dispute=said)
    reference = attempt.gateway_reference
    stored(attempt, "dispute.created", number=number, reference=reference, about=about, body=body)
    for ask in gateway_events.claim(BECAUSE):
        ask()()
    return Dispute.objects.get(gateway_reference=about)


def answered(dispute: Dispute, status: str = "open", **report: Any) -> Dispute:
    """Let the gateway's answer to a look-up be heard."""
    row = Dispute.objects.select_related("charge").get(pk=dispute.pk)
    says = {
        "reference": row.gateway_reference,
        "charge": row.charge.gateway_reference,
        "payment_id": row.payment_id,
        "amount": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        **report,
    }
    heard(row.pk, DisputeReport(status, **says), BECAUSE, row.fence)
    return Dispute.objects.get(pk=dispute.pk)


def url_of(dispute: Dispute) -> str:
    return f"{LIST}{dispute.pk}/change/"


def ask_of(dispute: Dispute) -> str:
    return f"{LIST}{dispute.pk}/ask/"


def everything() -> list[object]:
    """Return all that an act could have changed."""
    return [
        *Dispute.objects.order_by("pk").values(),
        *Payment.objects.order_by("pk").values(),
        *GatewayEvent.objects.order_by("pk").values_list("pk", "state"),
        AuditEntry.objects.count(),
        Event.objects.count(),
    ]
