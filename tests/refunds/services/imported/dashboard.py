"""Refunds that somebody makes at the gateway's own dashboard."""

from typing import Any

from tests.refunds.journey import Journey


def charge_of(journey: Journey) -> str:
    return str(journey.gateway.charges(reference=journey.payment.pk)[0]["id"])


def at_dashboard(journey: Journey, **order: Any) -> dict[str, Any]:
    """Refund at the gateway's own dashboard."""
    return journey.gateway.control("refunds", charge=charge_of(journey), **order)
