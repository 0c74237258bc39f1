"""Reads of refunds and complaints: what API and console ask. Nothing here changes anything."""

import itertools
import unicodedata
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from payments.models import Order, Payment
from payments.states import CAPTURED, PaymentStatus
from refunds.models import Complaint, Refund
from refunds.proactive import Customer, History
from refunds.states import RefundState


def refunds_of(client_id: int) -> QuerySet[Refund]:
    """Return the client's refunds; another client's do not exist for it."""
    return Refund.objects.filter(client_id=client_id)


def customer_of(order: Order) -> Customer:
    """Return whom the order names as its customer."""
    return Customer.of(order.customer_reference, order.customer_email)


def history_of(order: Order, now: datetime, days: int) -> History | None:
    """Return what is known of the order's customer at its shop, `granted` within `days` before `now`.

    The customer is whoever has the order's customer reference or e-mail address; None where it has neither. What was
    granted is counted by one spelling of these, kept with each complaint. Orders keep their customer as the shop wrote
    it: they are found by their indexes, in the spellings that occur. A dispute that the shop won leaves no trace here.
    """
    customer = customer_of(order)
    if not customer.reference:
        return None
    theirs = Order.objects.filter(_spelt("customer_reference", order) | _spelt("customer_email", order))
    orders = theirs.filter(client_id=order.client_id)
    # In review, too: a payment whose charge was taken back, or is in doubt, may be the very one that was disputed.
    charged = Payment.objects.filter(client_id=order.client_id, order__in=orders, status__in=CAPTURED)
    counts = charged.aggregate(
        paid=Count("pk", filter=Q(status=PaymentStatus.SUCCESS)),
        open=Count("pk", filter=Q(disputed__gt=0)),
        lost=Count("pk", filter=Q(charged_back__gt=0)),
    )
    refunds = Refund.objects.filter(payment__in=charged, state=RefundState.SUCCEEDED).count()
    granted = _granted_to(customer, order.client_id).filter(created_at__gt=now - timedelta(days=days)).count()
    return History(counts["paid"], refunds, counts["open"], counts["lost"], granted)


def _granted_to(customer: Customer, client_id: int) -> QuerySet[Complaint]:
    """Return the complaints of `customer` that were refunded at once; each name has its index."""
    known = Q(customer__in={customer.reference, customer.email} - {""})
    if customer.email:
        known |= Q(customer_email=customer.email)
    return Complaint.objects.filter(known, client_id=client_id, decision=Complaint.Decision.REFUNDED)


def _spelt(field: str, order: Order) -> Q:
    """Return the condition that `field` has the order's value, in a spelling that occurs; none where it is empty."""
    value = getattr(order, field)
    return Q(**{f"{field}__in": _spellings(value)}) if value else Q(pk__in=())


def _spellings(name: str) -> set[str]:
    """Return how people and programs write `name`: in small letters, capitals, or with Capitals of Words, its domain as
    given, in small letters or with a capital, each with accents in one character or two."""
    local, at, domain = name.partition("@")
    fronts = {local, local.lower(), local.casefold(), local.upper(), local.title(), local.capitalize()}
    backs = {domain, domain.lower(), domain.upper(), domain.title(), domain.capitalize()}
    written = {f"{front}{at}{back}" for front, back in itertools.product(fronts, backs)}
    return {unicodedata.normalize(form, each) for form in ("NFC", "NFD", "NFKC") for each in written} | {name}
