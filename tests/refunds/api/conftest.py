"""Speaks to the refunds API as a program would."""

from typing import Any

import pytest

from payments.models import AuditEntry, Event, OperatorTask, Payment
from refunds.models import Complaint, ProactiveSpend, Refund, RefundAttempt
from tests.payments.api.conftest import api, stranger

# pytest finds fixtures by their names in this file.
__all__ = ["api", "stranger"]


@pytest.fixture(autouse=True)
def _limits(settings: Any) -> None:
    """100 units for an API key alone and 50 for the policy, so that both sides of the limits are near."""
    settings.REFUND_LIMITS = {**settings.REFUND_LIMITS, "api": {"USD": 10_000, "JPY": 10_000, "KWD": 100_000}}
    settings.PROACTIVE_LIMITS = {"USD": 5000, "JPY": 50, "KWD": 50_000}
    settings.PROACTIVE_BUDGETS = {"USD": 50_000, "JPY": 500, "KWD": 500_000}
    settings.PROACTIVE_TIMES = 1


def everything() -> list[Any]:
    """Return all rows that a refund could change, to compare."""
    models = (Payment, Refund, RefundAttempt, Complaint, ProactiveSpend, OperatorTask, AuditEntry, Event)
    return [list(model._default_manager.order_by("pk").values()) for model in models]
