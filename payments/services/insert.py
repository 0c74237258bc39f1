"""The rows of an accepted payment, written in as few statements as each database allows.

This is the hottest path of the product. On PostgreSQL the four rows (idempotency record, order, payment, audit entry)
are one statement and so one round trip and one transaction; on SQLite, which has no data-modifying WITH, they are four
statements in one transaction. The idempotency record is the gate: where its key is taken, nothing else is written.
"""

import json
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from payments.audit import Because
from payments.clock import now_sql
from payments.crash_points import reach
from payments.prepared import prepared_cursor
from payments.states import PaymentStatus

if TYPE_CHECKING:
    from payments.services.accept import PayRequest

_KEY: Final = ("client_id", "operation", "key", "request_hash", "status_code", "payment_id")
_ORDER: Final = (
    *("id", "client_id", "reference", "amount", "currency"),
    *("customer_reference", "customer_email", "customer_name", "lines"),
)
_PAYMENT: Final = (
    *("id", "client_id", "order_id", "idempotency_key", "request_hash", "amount", "currency"),
    *("method_type", "method_token", "metadata", "status", "max_retries"),
    *("outcome_unknown", "review_reason", "gateway", "action_url", "error_code", "retry_count", "fence"),
)
_AUDIT: Final = (
    *("payment_id", "entity_id", "action", "actor", "cause"),
    *("before", "after", "reason", "data"),
)


def fresh(request: "PayRequest", order_id: str, payment_id: str, because: Because) -> datetime | None:
    """Write a payment of a new order; return its time, or None where the key is taken and nothing was written.

    Raises IntegrityError, with nothing written, where the order exists.
    """
    rows = [
        _key_values(request, payment_id),
        _order_values(request, order_id),
        _payment_values(request, order_id, payment_id),
        _audit_values(payment_id, because),
    ]
    if connection.vendor == "postgresql":
        # One statement is its own transaction; inside a caller's, a savepoint keeps a conflict from ending that one.
        with transaction.atomic() if connection.in_atomic_block else nullcontext():
            return _one_statement(_fresh_sql(), rows)
    with transaction.atomic():
        written_at = _one_by_one([*_statements(("key", "order", "payment", "audit"))], rows)
        if __debug__:
            reach("accept.committing")
    return written_at


def next_payment(request: "PayRequest", order_id: str, payment_id: str, because: Because) -> datetime | None:
    """Write another payment of an order whose row is locked; None, with nothing written, where the key is taken."""
    rows = [_key_values(request, payment_id), _payment_values(request, order_id, payment_id)]
    rows.append(_audit_values(payment_id, because))
    return _one_by_one([*_statements(("key", "payment", "audit"))], rows)


def record_key(request: "PayRequest", payment_id: str) -> datetime | None:
    """Remember that the request's key names the payment `payment_id`; None where the key is taken."""
    return _one_by_one([*_statements(("key",))], [_key_values(request, payment_id)])


def _key_values(request: "PayRequest", payment_id: str) -> tuple[Any, ...]:
    return (request.client_id, "process", request.key, request.request_hash, 202, payment_id)


def _order_values(request: "PayRequest", order_id: str) -> tuple[Any, ...]:
    head = (order_id, request.client_id, request.reference, request.amount, request.currency)
    return (*head, request.customer_reference, "", "", "[]")


def _payment_values(request: "PayRequest", order_id: str, payment_id: str) -> tuple[Any, ...]:
    head = (payment_id, request.client_id, order_id, request.key, request.request_hash, request.amount)
    method = (request.method_type, request.method_token, json.dumps(request.metadata, ensure_ascii=False))
    state = (PaymentStatus.PENDING.value, settings.MAX_RETRIES, False, "", "", "", "", 0, 0)
    return (*head, request.currency, *method, *state)


def _audit_values(payment_id: str, because: Because) -> tuple[Any, ...]:
    head = (payment_id, payment_id, "payment.accepted", because.actor, because.cause)
    return (*head, "", PaymentStatus.PENDING.value, "", "{}")


def _one_statement(sql: str, rows: Sequence[tuple[Any, ...]]) -> datetime | None:
    with prepared_cursor() as cursor:
        cursor.execute(sql, [value for row in rows for value in row])
        found = cursor.fetchone()
    return found[0] if found else None


def _one_by_one(statements: list[str], rows: Sequence[tuple[Any, ...]]) -> datetime | None:
    """Run the statements; return the time of the last row that gives one, or None where the gate is closed."""
    at: datetime | None = None
    with connection.cursor() as cursor:
        for sql, row in zip(statements, rows, strict=True):
            cursor.execute(sql, row)
            if cursor.description is not None:
                found = cursor.fetchone()
                if found is None:
                    return None
                at = found[0]
    # SQLite hands times back without their zone, which is always UTC.
    return at if at is None or timezone.is_aware(at) else at.replace(tzinfo=UTC)


@cache
def _tables(vendor: str) -> dict[str, tuple[str, tuple[str, ...], dict[str, str]]]:
    """Return per row kind: the table, the columns given as values, and the columns that the database's clock fills."""
    now = now_sql(vendor)
    key_life = now_sql(vendor, settings.IDEMPOTENCY_KEY_HOURS * 3600)
    expiry = now_sql(vendor, settings.PAYMENT_EXPIRY_MINUTES * 60)
    stamps = {"created_at": now, "updated_at": now, "due_at": now, "expires_at": expiry}
    return {
        "key": ("payments_idempotencyrecord", _KEY, {"created_at": now, "expires_at": key_life}),
        "order": ("payments_order", _ORDER, {"created_at": now}),
        "payment": ("payments_payment", _PAYMENT, stamps),
        "audit": ("payments_auditentry", _AUDIT, {"at": now}),
    }


def _insert(vendor: str, kind: str) -> tuple[str, str]:
    table, columns, stamps = _tables(vendor)[kind]
    names = ", ".join(f'"{name}"' for name in (*columns, *stamps))
    values = ", ".join([*["%s"] * len(columns), *stamps.values()])
    # Names come from the constants above, never from input.
    return f'INSERT INTO "{table}" ({names})', values


_GATE: Final = "ON CONFLICT (client_id, operation, key) DO NOTHING RETURNING created_at"
_ENDINGS: Final = {"key": _GATE, "payment": "RETURNING created_at"}


@cache
def _fresh_sql() -> str:
    gate, gate_values = _insert("postgresql", "key")
    parts = [f"gate AS ({gate} VALUES ({gate_values}) {_GATE})"]
    for kind in ("order", "payment", "audit"):
        insert, values = _insert("postgresql", kind)
        parts.append(f"new_{kind} AS ({insert} SELECT {values} FROM gate)")  # noqa: S608
    return f"WITH {', '.join(parts)} SELECT created_at FROM gate"  # noqa: S608


def _statements(kinds: Sequence[str]) -> Sequence[str]:
    return _statements_for(connection.vendor, tuple(kinds))


@cache
def _statements_for(vendor: str, kinds: tuple[str, ...]) -> list[str]:
    found = []
    for kind in kinds:
        insert, values = _insert(vendor, kind)
        found.append(f"{insert} VALUES ({values}) {_ENDINGS.get(kind, '')}")
    return found
