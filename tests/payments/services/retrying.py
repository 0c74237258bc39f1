"""What the tests of trying a payment again share: a payment that failed, another card, and all that may move."""

from typing import Any, Final

from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, IdempotencyRecord, Payment
from tests.payments.conftest import after, sent

NEW_CARD: Final = ("card", "tok_visa_4242")


def everything() -> list[Any]:
    """Return all that a refused request must leave as it is."""
    return [
        list(Payment.objects.order_by("pk").values()),
        list(Attempt.objects.order_by("pk").values()),
        list(AuditEntry.objects.order_by("pk").values_list("pk", flat=True)),
        list(IdempotencyRecord.objects.order_by("pk").values_list("key", flat=True)),
    ]


def failed(shop: Client, code: str = "expired_card", key: str = "order-1-pay", **more: Any) -> Payment:
    return after(sent(shop, key, **more), Kind.DECLINED, decline_code=code)
