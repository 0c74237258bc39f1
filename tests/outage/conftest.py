"""Two gateways, a shop, and a settle loop."""

from tests.outage.fixtures import gateways, settler, shop, two_gateways

__all__ = ["gateways", "settler", "shop", "two_gateways"]
