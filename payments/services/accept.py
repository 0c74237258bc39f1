"""Accepts a request to pay: one short transaction that makes it durable, after which the answer can be given.

The usual case, a key and an order never seen before, is one statement (payments/services/insert.py). Everything else
(a replay, an order that was tried before, an expired key) goes through `_with_care`, under the order's lock.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from payments.audit import Because
from payments.crash_points import reach
from payments.idempotency import order_reference_for
from payments.ids import new_order_id, new_payment_id
from payments.models import IdempotencyRecord, Order, Payment
from payments.services import insert, wake
from payments.states import LIVE_OR_SUCCESSFUL, PaymentStatus

OPERATION: Final = "process"
ACCEPTED: Final = 202


@dataclass(frozen=True, slots=True)
class PayRequest:
    """A validated request to pay. amount: minor units. request_hash: over everything but the key."""

    client_id: int
    key: str
    request_hash: str
    amount: int
    currency: str
    method_type: str
    method_token: str
    metadata: dict[str, str]
    order_reference: str = ""
    customer_reference: str = ""

    @property
    def reference(self) -> str:
        return self.order_reference or order_reference_for(self.key)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer: the payment as it is now, and whether the request had been accepted before."""

    payment: Payment
    replayed: bool
    status_code: int = ACCEPTED


class KeyReusedError(Exception):
    """The key named another request before. Nothing was done (requirement A5)."""


class OrderConflictError(Exception):
    """The order cannot take this payment; `code` says why, `payment_id` which payment stands in the way, if any."""

    def __init__(self, code: str, payment_id: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.payment_id = payment_id


class _KeyTakenError(Exception):
    """Another request took the key a moment ago; what it got must be looked at."""


def accept(request: PayRequest, because: Because) -> Accepted:
    """Accept `request`, or find what was accepted before.

    Raises KeyReusedError or OrderConflictError, in which case nothing was written.
    """
    order_id, payment_id = new_order_id(), new_payment_id()
    if __debug__:
        reach("accept.begin")
    try:
        created_at = insert.fresh(request, order_id, payment_id, because)
    except IntegrityError:
        # The order exists: a second try at paying it, or an equal request under another key.
        return _with_care(request, because)
    if created_at is None:
        return _replay_or_fresh(request, because)
    if __debug__:
        reach("accept.committed")
    wake.wake_if_idle()
    return Accepted(_as_inserted(request, order_id, payment_id, created_at), replayed=False)


def _replay_or_fresh(request: PayRequest, because: Because) -> Accepted:
    record = (
        IdempotencyRecord.objects.select_related("payment__order")
        .filter(client_id=request.client_id, operation=OPERATION, key=request.key, expires_at__gt=Now())
        .first()
    )
    if record is None:
        return _with_care(request, because)
    return _replay(record, request)


def _replay(record: IdempotencyRecord, request: PayRequest) -> Accepted:
    if record.request_hash != request.request_hash:
        raise KeyReusedError
    return Accepted(record.payment, replayed=True, status_code=record.status_code)


def _with_care(request: PayRequest, because: Because) -> Accepted:
    """Decide under the order's row lock, which does not cover the key: the same key may be taken for another order."""
    try:
        return _under_lock(request, because)
    except _KeyTakenError:
        return _replay_or_fresh(request, because)
    except IntegrityError:
        # Money for an older payment of the order arrived at this moment: now it can be seen, and is the answer.
        return _under_lock(request, because)


def _under_lock(request: PayRequest, because: Because) -> Accepted:
    with transaction.atomic():
        order = _locked_order(request)
        mine = IdempotencyRecord.objects.filter(client_id=request.client_id, operation=OPERATION, key=request.key)
        mine.filter(expires_at__lte=Now()).delete()
        record = mine.select_related("payment__order").first()
        if record is not None:
            return _replay(record, request)
        if (order.amount, order.currency) != (request.amount, request.currency):
            raise OrderConflictError("order_amount_mismatch")
        standing = Payment.objects.select_related("order").filter(order=order, status__in=LIVE_OR_SUCCESSFUL).first()
        if standing is not None:
            return _join(standing, request)
        payment_id = new_payment_id()
        created_at = insert.next_payment(request, order.pk, payment_id, because)
        if created_at is None:
            raise _KeyTakenError
        if __debug__:
            reach("accept.committing")
    if __debug__:
        reach("accept.committed")
    wake.wake_if_idle()
    return Accepted(_as_inserted(request, order.pk, payment_id, created_at), replayed=False)


def _locked_order(request: PayRequest) -> Order:
    orders = Order.objects.select_for_update().filter(client_id=request.client_id, reference=request.reference)
    order = orders.first()
    if order is not None:
        return order
    Order.objects.bulk_create(
        [
            Order(
                client_id=request.client_id,
                reference=request.reference,
                amount=request.amount,
                currency=request.currency,
                customer_reference=request.customer_reference,
            )
        ],
        ignore_conflicts=True,
    )
    return orders.get()


def _join(standing: Payment, request: PayRequest) -> Accepted:
    """Answer an equal request under another key with the order's one payment (A9); refuse a different one."""
    if standing.request_hash != request.request_hash:
        paid = standing.status == PaymentStatus.SUCCESS
        raise OrderConflictError("order_already_paid" if paid else "order_has_live_payment", standing.pk)
    if insert.record_key(request, standing.pk) is None:
        raise _KeyTakenError
    return Accepted(standing, replayed=True)


def _as_inserted(request: PayRequest, order_id: str, payment_id: str, created_at: datetime) -> Payment:
    """Return the payment as it was written, without reading it again."""
    return Payment(
        id=payment_id,
        client_id=request.client_id,
        order=Order(
            id=order_id,
            client_id=request.client_id,
            reference=request.reference,
            amount=request.amount,
            currency=request.currency,
            customer_reference=request.customer_reference,
        ),
        idempotency_key=request.key,
        request_hash=request.request_hash,
        amount=request.amount,
        currency=request.currency,
        method_type=request.method_type,
        method_token=request.method_token,
        metadata=request.metadata,
        max_retries=settings.MAX_RETRIES,
        due_at=created_at,
        expires_at=created_at,
        created_at=created_at,
        updated_at=created_at,
    )
