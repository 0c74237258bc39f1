"""Tells shops about checkout pages whose time is over with nothing paid (requirement D3)."""

from typing import Final

from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from payments import events
from payments.bulk import insert_each
from payments.clock import database_now
from payments.models import CheckoutSession, Order, Payment
from payments.states import LIVE_OR_SUCCESSFUL, PaymentStatus

_AT_ONCE: Final = 200


def tell_expired() -> int:
    """Write checkout.expired for checkouts that ended unpaid, once each; return how many.

    Of several pages for one order the newest counts, and only that. While a payment of the order is under way nothing
    is told: it may yet pay. Checkouts of paid orders end in silence.
    """
    total = 0
    while True:
        with transaction.atomic():
            orders = _orders()
            if not orders:
                return total
            total += _end(orders)


def _orders() -> list[Order]:
    """Return orders with a checkout that is over and not ended, and no payment under way, under their locks.

    Whoever opens a checkout again or accepts a payment holds the same lock.
    """
    over = CheckoutSession.objects.filter(expires_at__lte=Now(), ended_at__isnull=True)
    live = [status for status in LIVE_OR_SUCCESSFUL if status != PaymentStatus.SUCCESS]
    under_way = Payment.objects.filter(order=OuterRef("order"), status__in=live)
    ids = over.filter(~Exists(under_way)).order_by("expires_at").values_list("order_id", flat=True)[:_AT_ONCE]
    rows = Order.objects.filter(pk__in=list(ids)).order_by("pk")
    if connection.features.has_select_for_update_skip_locked:
        rows = rows.select_for_update(skip_locked=True)
    return list(rows)


def _end(orders: list[Order]) -> int:
    """End the checkouts of the locked `orders` that are over; return how many shops were told about."""
    now = database_now()
    told = []
    for order in orders:
        statuses = set(Payment.objects.filter(order=order).values_list("status", flat=True))
        if statuses & set(LIVE_OR_SUCCESSFUL) - {PaymentStatus.SUCCESS}:
            continue  # accepted while we waited for the lock
        sessions = list(CheckoutSession.objects.filter(order=order).order_by("-created_at"))
        over = [row for row in sessions if row.ended_at is None and row.expires_at <= now]
        if over and over[0] is sessions[0] and PaymentStatus.SUCCESS not in statuses:
            over[0].order = order
            told.append(events.of_checkout(over[0], "checkout.expired", now))
        CheckoutSession.objects.filter(pk__in=[row.pk for row in over]).update(ended_at=now)
    insert_each(told)
    return len(told)
