from typing import Any

import pytest

from payments.models import Client
from payments.services.settle import Settler
from tests.refunds.journey import Journey, journey_of
from tests.sandbox import SandboxProcess


@pytest.fixture
def journey(shop: Client, gateway: SandboxProcess, settler: Settler) -> Journey:
    """A payment that the gateway has captured, about to be refunded."""
    return journey_of(shop, gateway, settler)


@pytest.fixture
def complaint_policy(settings: Any) -> None:
    """Set limits, budgets and fees that do not depend on the installation's."""
    settings.PROACTIVE_LIMITS = {"USD": 5000, "JPY": 50, "KWD": 50_000}
    settings.PROACTIVE_BUDGETS = {"USD": 50_000, "JPY": 500, "KWD": 500_000}
    settings.PROACTIVE_TIMES, settings.PROACTIVE_DAYS = 1, 90
    settings.DISPUTE_FEES = {"USD": 1500, "JPY": 15, "KWD": 15_000}
