"""Two gateways, a shop, a settle loop, and the journey that each test makes with them."""

import pytest

from payments.models import Client
from payments.services.settle import Settler
from tests.faults.journey import Journey
from tests.outage.fixtures import gateways, settler, shop, two_gateways
from tests.outage.pair import GatewayPair

__all__ = ["gateways", "settler", "shop", "two_gateways"]


@pytest.fixture
def journey(gateways: GatewayPair, shop: Client, settler: Settler) -> Journey:
    return Journey(gateways, shop, settler)
