"""How things look to API clients beside the payment itself (payments/representation.py)."""

from typing import Any

from payments import representation
from payments.declines import code_for_clients
from payments.models import (
    Attempt,
    AuditEntry,
    Delivery,
    DeliveryTry,
    IdempotencyRecord,
    Payment,
    RecoveryRun,
    WebhookEndpoint,
)
from payments.queries import surplus_of, tries_of
from payments.representation import exact, payment, status, timestamp

__all__ = [
    "audit_entry",
    "delivery",
    "exact",
    "key_record",
    "payment",
    "recovery_run",
    "status",
    "timestamp",
    "webhook_endpoint",
    "with_attempts",
]


def with_attempts(row: Payment, attempts: list[Attempt]) -> dict[str, Any]:
    """Return the payment with what was tried, oldest first."""
    return {
        **payment(row),
        "attempts": [representation.attempt(attempt) for attempt in attempts],
        "surplusCharges": [representation.surplus_charge(charge) for charge in surplus_of(row)],
    }


def recovery_run(run: RecoveryRun) -> dict[str, Any]:
    """Return what a recovery run found and put right."""
    return {
        "runID": run.pk,
        "trigger": run.trigger,
        "startedAt": timestamp(run.started_at),
        "finishedAt": timestamp(run.finished_at),
        "found": run.found,
        "repaired": run.repaired,
    }


def key_record(record: IdempotencyRecord) -> dict[str, Any]:
    """Return what is kept of an idempotency key."""
    return {
        "key": record.key,
        "paymentID": record.payment_id,
        "status": record.payment.status,
        "requestHash": record.request_hash,
        "createdAt": timestamp(record.created_at),
        "expiresAt": timestamp(record.expires_at),
    }


def audit_entry(entry: AuditEntry) -> dict[str, Any]:
    """Return an audit entry as its shop may read it: no operator's name or words, no reason that hides fraud."""
    return {
        "id": entry.pk,
        "paymentID": entry.payment_id,
        "entityID": entry.entity_id,
        "action": entry.action,
        "status": entry.after,
        "before": entry.before,
        "details": _details(entry),
        "actor": "operator" if _is_by_people(entry) else entry.actor,
        "cause": entry.cause,
        "timestamp": timestamp(entry.at),
    }


def webhook_endpoint(row: WebhookEndpoint) -> dict[str, Any]:
    """Return an endpoint without its secret, which only the answers to its creation and rotation show."""
    return {
        "endpointID": row.pk,
        "url": row.url,
        "description": row.description,
        "types": row.types,
        "enabled": row.is_enabled,
        "failingSince": timestamp(row.failing_since),
        "disabledAt": timestamp(row.disabled_at),
        "disabledWhy": row.disabled_why,
        "oldSecretUntil": timestamp(row.old_secret_until),
        "createdAt": timestamp(row.created_at),
    }


def delivery(row: Delivery) -> dict[str, Any]:
    """Return a delivery with its tries, newest first; both event and tries are read (payments/queries.py)."""
    return {
        "eventID": row.event_id,
        "type": row.event.type,
        "paymentID": row.payment_id or None,
        "sequence": row.sequence,
        "status": row.state,
        "note": row.note,
        "createdAt": timestamp(row.created_at),
        "nextTryAt": timestamp(row.due_at) if row.state == Delivery.State.PENDING else None,
        "deliveredAt": timestamp(row.delivered_at),
        "tries": [_delivery_try(each) for each in tries_of(row)],
    }


def _delivery_try(row: DeliveryTry) -> dict[str, Any]:
    return {
        "at": timestamp(row.at),
        "url": row.url,
        "requestHeaders": row.headers,
        "httpStatus": row.http_status,
        "answer": row.answer,
        "trouble": row.trouble,
        "milliseconds": row.milliseconds,
    }


def _is_by_people(entry: AuditEntry) -> bool:
    return entry.actor.startswith("operator:")


def _details(entry: AuditEntry) -> str:
    """Return the reason where it is a machine's word; what operators write is theirs."""
    if _is_by_people(entry) or not entry.action.startswith(("attempt.", "payment.")):
        return ""
    if entry.reason and entry.action in {"attempt.declined", "payment.failed"}:
        return code_for_clients(entry.reason)
    return entry.reason
