"""Many payments under way at the moment a gateway fails (requirements B4, B7, B8)."""

from collections import Counter

from payments.models import Client
from payments.services.settle import Settler
from tests.outage.hour import Traffic, payments
from tests.outage.pair import GatewayPair


def test_an_empty_retry_budget_fails_no_payment_while_a_gateway_works(
    gateways: GatewayPair, shop: Client, settler: Settler
) -> None:
    """Sixty payments leave together, before the breaker can open; the budget has thirty tries again for a minute."""
    gateways.go_dead("primary")
    traffic = Traffic(shop, settler)
    ids = [traffic.pay() for _ in range(60)]
    traffic.settle()
    for _ in range(100):
        traffic.step(3)
    assert Counter((payment.status, payment.level) for payment in payments(ids)) == {("success", 3): 60}
    captures = gateways.captures()
    assert {tuple(name for name, _ in captures[each]) for each in ids} == {("secondary",)}
