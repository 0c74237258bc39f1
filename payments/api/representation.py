"""How payments look to API clients: camelCase, exact amounts, and nothing that a client may not know."""

from datetime import datetime
from typing import Any

import orjson
from django.conf import settings

from payments import money, words
from payments.declines import Decline, code_for_clients, decline
from payments.models import Attempt, AuditEntry, IdempotencyRecord, Payment, RecoveryRun, SurplusCharge
from payments.queries import surplus_of
from payments.states import FINAL, PaymentStatus


def exact(minor: int, currency: str) -> orjson.Fragment:
    """Return an amount as a JSON number with all of the currency's decimals, never through a float."""
    return orjson.Fragment(money.decimal_text(minor, currency))


def timestamp(at: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds."""
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def payment(row: Payment) -> dict[str, Any]:
    """Return the payment as every endpoint shows it."""
    return {
        "paymentID": row.pk,
        "idempotencyKey": row.idempotency_key,
        **status(row),
        "amount": exact(row.amount, row.currency),
        "amountMinor": row.amount,
        "currency": row.currency,
        "orderID": row.order.reference,
        "paymentMethod": {"type": row.method_type},
        "metadata": row.metadata,
        "retryCount": row.retry_count,
        "maxRetries": row.max_retries,
        "version": row.version,
        "retryOf": row.retry_of or None,
        "createdAt": timestamp(row.created_at),
        "processedAt": timestamp(row.processed_at),
    }


def status(row: Payment) -> dict[str, Any]:
    """Return what changes about a payment: enough to poll."""
    return {
        "paymentID": row.pk,
        "status": row.status,
        "outcomeUnknown": row.outcome_unknown,
        "customerMessage": words.customer_message(row),
        "nextAction": _next_action(row),
        "degradationLevel": row.level,
        "nextTryAt": timestamp(row.due_at) if row.status == PaymentStatus.RETRYING else None,
        "acceptedForLater": row.queued_at is not None and row.status not in FINAL,
        "alternatives": settings.ALTERNATIVES if row.status == PaymentStatus.FAILED else [],
        "lastError": _last_error(row),
        "updatedAt": timestamp(row.updated_at),
    }


def with_attempts(row: Payment, attempts: list[Attempt]) -> dict[str, Any]:
    """Return the payment with what was tried, oldest first."""
    return {
        **payment(row),
        "attempts": [_attempt(attempt) for attempt in attempts],
        "surplusCharges": [_surplus(charge) for charge in surplus_of(row)],
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


def _is_by_people(entry: AuditEntry) -> bool:
    return entry.actor.startswith("operator:")


def _details(entry: AuditEntry) -> str:
    """Return the reason where it is a machine's word; what operators write is theirs."""
    if _is_by_people(entry) or not entry.action.startswith(("attempt.", "payment.")):
        return ""
    if entry.reason and entry.action in {"attempt.declined", "payment.failed"}:
        return code_for_clients(entry.reason)
    return entry.reason


def _attempt(row: Attempt) -> dict[str, Any]:
    return {
        "attemptID": row.pk,
        "number": row.number,
        "gateway": row.gateway,
        "status": row.state,
        "level": row.level,
        "threeDSecure": row.three_d_secure,
        "gatewayReference": row.gateway_reference or None,
        "declineCode": decline(row.decline_code, row.gateway).code if row.decline_code else None,
        "sentAt": timestamp(row.sent_at),
        "finishedAt": timestamp(row.finished_at),
    }


def _surplus(row: SurplusCharge) -> dict[str, Any]:
    """Return money that a gateway took without right; `owed` and `refused` are not given back yet."""
    return {
        "surplusChargeID": row.pk,
        "reason": row.reason,
        "status": row.state,
        "gateway": row.gateway,
        "gatewayReference": row.gateway_reference,
        "amount": exact(row.amount, row.currency),
        "amountMinor": row.amount,
        "currency": row.currency,
        "foundAt": timestamp(row.found_at),
        "returnedAt": timestamp(row.returned_at),
    }


def _next_action(row: Payment) -> dict[str, str] | None:
    if row.status == PaymentStatus.REQUIRES_ACTION and row.action_url:
        return {"type": "redirect", "url": row.action_url}
    return None


def _details_of(meaning: Decline) -> str:
    if meaning.needs_another_card:
        return "Another card is needed."
    return "The same card may work later." if meaning.retryable else "The same request will not work again."


def _last_error(row: Payment) -> dict[str, Any] | None:
    if not row.error_code:
        return None
    meaning = decline(row.error_code, row.gateway)
    return {
        "code": meaning.code,
        "message": meaning.words,
        "details": _details_of(meaning),
        "retryable": meaning.retryable,
        "timestamp": timestamp(row.error_at),
    }
