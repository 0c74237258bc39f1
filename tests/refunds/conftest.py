"""A shop, a real gateway, and payments that were really captured there."""

from payments.models import Client, Payment
from payments.services.settle import Settler
from refunds.models import Refund
from refunds.services.request import Wanted, request
from tests.payments.conftest import BECAUSE, accepted, api_key, reload, shop
from tests.payments.services.conftest import gateway, gateways, settler, shared_gateway, shared_gateways

# pytest finds fixtures by their names in this file.
__all__ = ["api_key", "gateway", "gateways", "settler", "shared_gateway", "shared_gateways", "shop"]

NO_LIMIT = {"USD": 10**9, "EUR": 10**9, "JPY": 10**9, "KWD": 10**9}


def captured(shop: Client, settler: Settler, key: str = "order-1-pay", **changes: str | int) -> Payment:
    """Return a payment that the gateway has captured; 100.00 USD unless `changes` say otherwise."""
    payment = accepted(shop, key, **{"amount": 10_000, **changes})
    settler.drain()
    return reload(payment)


def wanted(payment: Payment, amount: int | None = None, key: str = "refund-1", **changes: object) -> Wanted:
    """Return a request to refund `payment`, by a program whose limit is far away."""
    values = {"reason": "customer_request", "origin": "api", "limits": NO_LIMIT, **changes}
    return Wanted(payment_id=payment.pk, amount=amount, key=key, **values)  # type: ignore[arg-type]


def requested(payment: Payment, amount: int | None = None, key: str = "refund-1", **changes: object) -> Refund:
    """Return a refund that was just requested, not yet sent."""
    return request(wanted(payment, amount, key, **changes), BECAUSE).refund


def again(refund: Refund) -> Refund:
    """Return the refund as its row is now."""
    return Refund.objects.get(pk=refund.pk)
