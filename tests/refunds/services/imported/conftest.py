import pytest

from payments.models import Client
from payments.services.settle import Settler
from refunds.services import watch
from tests.refunds.conftest import captured
from tests.refunds.journey import Journey
from tests.sandbox import SandboxProcess


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    """A payment that was captured while the gateway's list of refunds is read."""
    watch.begin_watching()
    return Journey(gateway, settler, captured(shop, settler))
