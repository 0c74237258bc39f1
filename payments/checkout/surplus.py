"""Finds what gateways took for an order without right (requirement C4), for the pages that tell the customer."""

from collections.abc import Iterable

from payments.models import Payment, SurplusCharge


def surplus_of(payments: Iterable[Payment]) -> list[SurplusCharge]:
    """Return such charges of all `payments` that took money, oldest first, with one statement."""
    ids = [payment.pk for payment in payments]
    return list(SurplusCharge.objects.filter(payment__in=ids, taken=True).order_by("pk"))
