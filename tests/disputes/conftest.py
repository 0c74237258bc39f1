"""Payments that were really captured, and disputes of them at the gateway."""

from typing import Any

import pytest

from disputes.models import Dispute
from payments.models import Client
from payments.services.settle import Settler
from tests.payments.conftest import api_key, reload, shop
from tests.payments.services.conftest import gateway, gateways, settler, shared_gateway, shared_gateways
from tests.refunds.conftest import captured
from tests.refunds.gateway_telling import happened, receive
from tests.refunds.journey import Journey
from tests.sandbox import SandboxProcess

# pytest finds fixtures by their names in this file.
__all__ = ["api_key", "gateway", "gateways", "settler", "shared_gateway", "shared_gateways", "shop"]


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    """A payment of 100.00 USD that the gateway has captured."""
    return Journey(gateway, settler, captured(shop, settler))


def disputed(journey: Journey, **dispute: Any) -> dict[str, Any]:
    """Let the customer dispute the payment's charge; we are not told yet."""
    charge = journey.gateway.charges(reference=journey.payment.pk)[0]
    return journey.gateway.control("disputes", charge=charge["id"], **dispute)


def tell(journey: Journey) -> None:
    """Let the gateway tell all that happened to the payment's disputes; nothing is applied yet."""
    receive(happened(journey.gateway, journey.payment, "dispute."))


def opened(journey: Journey, **dispute: Any) -> Dispute:
    """Return a dispute that we were told of, and that the gateway has confirmed."""
    made = disputed(journey, **dispute)
    tell(journey)
    journey.settler.drain()
    return Dispute.objects.get(gateway_reference=made["id"])


def closed(journey: Journey, dispute: Dispute, status: str) -> Dispute:
    """Let the bank decide, and the gateway tell us; return the dispute as it is then."""
    journey.gateway.control(f"disputes/{dispute.gateway_reference}/close", status=status)
    tell(journey)
    journey.settler.drain()
    return Dispute.objects.get(pk=dispute.pk)


def held(journey: Journey) -> tuple[int, int]:
    """Return what open disputes hold and what lost ones took, in minor units."""
    row = reload(journey.payment)
    return row.disputed, row.charged_back
