"""Rows without a gateway: a payment that was captured, refunds of it in any state, straight in the database."""

import itertools
from collections.abc import Iterable
from typing import Any, Final

from django.db import connection

from disputes.models import Dispute
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.guards import Guard
from payments.models import Attempt, Client, Payment
from payments.standing import install, uninstall
from refunds.models import BulkRefund, Refund, RefundAttempt
from tests.payments.conftest import after, reload, sent

_NUMBERS: Final = itertools.count(1)


def paid(shop: Client, key: str = "order-1-pay", **changes: str | int) -> Payment:
    """Return a payment of 100.00 USD, unless `changes` say otherwise, whose charge the gateway has told to be made."""
    attempt = sent(shop, key, **{"amount": 10_000, **changes})
    return after(attempt, Kind.SUCCEEDED, reference=f"ch_{next(_NUMBERS)}")


def new_refund(payment: Payment, amount: int = 3000, **changes: Any) -> Refund:
    """Return a refund that is not written yet, as it would be requested."""
    now = database_now()
    values = {
        "client_id": payment.client_id,
        "payment_id": payment.pk,
        "charge_id": Attempt.objects.filter(payment=payment).values_list("pk", flat=True).get(),
        "gateway": "primary",
        "amount": amount,
        "currency": payment.currency,
        "reason": "customer_request",
        "origin": "api",
        "idempotency_key": f"refund-{next(_NUMBERS)}",
        "request_hash": "hash",
        "requested_by": "client:shop",
        "parameters_hash": "parameters",
        "due_at": now,
        "created_at": now,
        **changes,
    }
    return Refund(**values)


def written(payment: Payment, amount: int = 3000, **changes: Any) -> Refund:
    """Return a refund that is written."""
    refund = new_refund(payment, amount, **changes)
    refund.save(force_insert=True)
    return refund


def attempted(refund: Refund, number: int = 1, **changes: Any) -> RefundAttempt:
    """Return an attempt of `refund` that is committed as sent."""
    attempt = RefundAttempt(refund=refund, number=number, **changes)
    attempt.save(force_insert=True)
    return attempt


def bulk(**changes: Any) -> BulkRefund:
    values = {"name": "list", "reason": "customer_request", "requested_by": "operator:ann", "parameters_hash": "rows"}
    made = BulkRefund(**{**values, **changes})
    made.save(force_insert=True)
    return made


def disputed(payment: Payment, amount: int, status: str = "needs_response") -> Dispute:
    """Return a dispute about `amount` minor units of `payment`."""
    now = database_now()
    dispute = Dispute(
        payment_id=payment.pk,
        charge_id=Attempt.objects.filter(payment=payment).values_list("pk", flat=True).get(),
        gateway="primary",
        gateway_reference=f"dp_{next(_NUMBERS)}",
        amount=amount,
        currency=payment.currency,
        status=status,
        opened_at=now,
    )
    dispute.save(force_insert=True)
    return dispute


def force(guards: Iterable[Guard], table: str, row_id: str, **columns: str) -> None:
    """Write `columns` behind the back of `guards`, to have a place to start from."""
    guards = list(guards)
    sets = ", ".join(f"{name} = %s" for name in columns)
    uninstall(connection, guards)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {sets} WHERE id = %s", [*columns.values(), row_id])
    install(connection, guards)


def counters(payment: Payment) -> tuple[int, int]:
    """Return what the database has counted: minor units reserved for refunds, and refunded."""
    row = reload(payment)
    return row.refund_reserved, row.refunded
