import pytest

from payments.models import Client
from payments.services.settle import Settler
from tests.refunds.journey import Journey, journey_of
from tests.sandbox import SandboxProcess


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    """A payment that the gateway has captured, about to be refunded."""
    return journey_of(shop, gateway, settler)
