"""Reads of refunds and complaints: what API and console ask. Nothing here changes anything."""

from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from payments.models import Order, Payment
from payments.states import PaymentStatus
from refunds.models import Complaint, Refund
from refunds.proactive import History
from refunds.states import RefundState


def refunds_of(client_id: int) -> QuerySet[Refund]:
    """Return the client's refunds; another client's do not exist for it."""
    return Refund.objects.filter(client_id=client_id)


def history_of(order: Order, now: datetime, days: int) -> History | None:
    """Return what is known of the order's customer at its shop, `granted` within `days` before `now`.

    The customer is whoever has the order's customer reference or e-mail address; None where it has neither. Capitals
    do not make another customer. Orders are found by their indexes, in the spellings that occur; a dispute that the
    shop won leaves no trace here.
    """
    if not order.customer_reference and not order.customer_email:
        return None
    theirs = Order.objects.filter(_spelt("customer_reference", order) | _spelt("customer_email", order))
    orders = theirs.filter(client_id=order.client_id)
    paid = Payment.objects.filter(client_id=order.client_id, order__in=orders, status=PaymentStatus.SUCCESS)
    counts = paid.aggregate(
        paid=Count("pk"),
        open=Count("pk", filter=Q(disputed__gt=0)),
        lost=Count("pk", filter=Q(charged_back__gt=0)),
    )
    refunds = Refund.objects.filter(payment__in=paid, state=RefundState.SUCCEEDED).count()
    granted = _granted_to(order).filter(created_at__gt=now - timedelta(days=days)).count()
    return History(counts["paid"], refunds, counts["open"], counts["lost"], granted)


def _granted_to(order: Order) -> QuerySet[Complaint]:
    """Return the complaints of the order's customer that were refunded at once: few enough to compare without index."""
    who = Q(pk__in=())
    if order.customer_reference:
        who |= Q(order__customer_reference__iexact=order.customer_reference)
    if order.customer_email:
        who |= Q(order__customer_email__iexact=order.customer_email)
    return Complaint.objects.filter(who, client_id=order.client_id, decision=Complaint.Decision.REFUNDED)


def _spelt(field: str, order: Order) -> Q:
    """Return the condition that `field` has the order's value, in a spelling that occurs; none where it is empty."""
    value = getattr(order, field)
    return Q(**{f"{field}__in": {value, value.lower(), value.upper()}}) if value else Q(pk__in=())
