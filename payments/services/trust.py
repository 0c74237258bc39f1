"""Whom an order is accepted from although no gateway answers (requirement B7, level 4)."""

from datetime import timedelta

from django.conf import settings
from django.db.models.functions import Now

from payments.models import CustomerStanding, Order, Payment
from payments.states import PaymentStatus


def is_trusted(payment: Payment) -> bool:
    """Say whether the payment's customer is trusted with its amount: by an operator's word, else by history.

    By history: enough payments of this shop that were paid, the oldest long enough ago, and an amount within the
    currency's limit. A customer whom the shop does not name is never trusted.
    """
    order = Order.objects.get(pk=payment.order_id)
    if not order.customer_reference:
        return False
    customer = {"client_id": payment.client_id, "customer_reference": order.customer_reference}
    standing = CustomerStanding.objects.filter(**customer).first()
    if standing is not None:
        return standing.trusted
    return payment.amount <= settings.TRUST_LIMITS.get(payment.currency, 0) and _has_history(customer, payment)


def _has_history(customer: dict[str, object], payment: Payment) -> bool:
    orders = Order.objects.filter(**customer).exclude(pk=payment.order_id)
    paid = Payment.objects.filter(order__in=orders, status=PaymentStatus.SUCCESS)
    if not paid.filter(processed_at__lte=Now() - timedelta(days=settings.TRUST_DAYS)).exists():
        return False
    return len(paid.values_list("pk")[: settings.TRUST_PAYMENTS]) >= settings.TRUST_PAYMENTS
