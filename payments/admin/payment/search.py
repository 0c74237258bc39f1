"""Finds payments by what an operator has at hand, each by an index: no search ever reads all payments."""

from typing import Final

from django.conf import settings
from django.db.models import Q

from payments.idempotency import order_reference_for
from payments.models import Attempt, Client, IdempotencyRecord, Order, Payment, SurplusCharge

# Payments of one customer that a search shows at most.
_MOST: Final = 500


def find(term: str) -> set[str]:
    """Return the ids of the payments that `term` names exactly.

    A term may be: payment id, order id or reference, the gateway's charge id, our key at the gateway, an idempotency
    key, the customer's e-mail address. An idempotency key is found while its record exists (requirement A6), and
    after that only where the request named no order.
    """
    # Clients are few. Naming them all lets the unique indexes be used, which begin with the client.
    clients = list(Client.objects.values_list("pk", flat=True))
    records = IdempotencyRecord.objects.filter(client__in=clients, operation="process", key=term)
    found = set(records.values_list("payment_id", flat=True))
    for match in (Q(gateway_key=term), Q(gateway_reference=term) & ~Q(gateway_reference="")):
        found.update(Attempt.objects.filter(match).values_list("payment_id", flat=True))
    # Named, too, so that the unique index of such charges is used.
    gateways = [options["name"] for options in settings.GATEWAYS]
    surplus = SurplusCharge.objects.filter(gateway__in=gateways, gateway_reference=term)
    found.update(surplus.values_list("payment_id", flat=True))
    orders = [term, *_orders(term, clients)]
    for payments in (Payment.objects.filter(pk=term), Payment.objects.filter(order__in=orders)[:_MOST]):
        found.update(payments.values_list("pk", flat=True))
    return found


def _orders(term: str, clients: list[int]) -> list[str]:
    """Return the ids of the orders with that reference, or of that customer."""
    references = [term, order_reference_for(term)]
    found = list(Order.objects.filter(client__in=clients, reference__in=references).values_list("pk", flat=True))
    by_email = Order.objects.filter(customer_email__in={term, term.lower()}).exclude(customer_email="")
    return [*found, *by_email.values_list("pk", flat=True)[:_MOST]]
