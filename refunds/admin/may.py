"""Who may do what about refunds, and up to which amount alone (requirements D6, G4)."""

from collections.abc import Mapping
from typing import Final

from django.conf import settings
from django.contrib.auth.models import User

from payments.money import Money

MAY_REQUEST: Final = "refunds.request_refund"
MAY_APPROVE: Final = "refunds.approve_refund"


def role_of(user: User) -> str:
    """Return whose limits `user` has: whoever may approve has a supervisor's, and so has a superuser."""
    return "supervisor" if user.has_perm(MAY_APPROVE) else "operator"


def limits_of(user: User) -> Mapping[str, int]:
    """Return currency → what `user` may refund without a second person, in minor units."""
    limits: Mapping[str, int] = settings.REFUND_LIMITS[role_of(user)]
    return limits


def limit_in_words(user: User, currency: str) -> str:
    """Return the limit of `user`: `Up to 100.00 USD you may refund alone; above that a second person approves.`"""
    limit = limits_of(user).get(currency, 0)
    if not limit:
        return f"Every refund in {currency} needs the approval of a second person."
    return f"Up to {Money(limit, currency)} you may refund alone; above that a second person must approve."
