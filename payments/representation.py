"""How a payment looks from outside: camelCase, exact amounts, and nothing that a client may not know.

The API's answers and the events that shops get are made of the same.
"""

from datetime import datetime
from typing import Any

import orjson
from django.conf import settings
from django.utils import timezone

from payments import money, words
from payments.declines import Decline, decline
from payments.models import Attempt, CheckoutSession, Payment, SurplusCharge
from payments.reliability import refundable
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
        **_given_back(row),
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


def _given_back(row: Payment) -> dict[str, Any]:
    """Return what refunds and disputes left of the payment (D1). By this machine's clock: a refund itself is decided by
    the database's."""
    left = refundable.refundable(row, timezone.now())
    return {
        "refundedAmount": exact(row.refunded, row.currency),
        "refundedAmountMinor": row.refunded,
        "refundableAmount": exact(left, row.currency),
        "refundableAmountMinor": left,
        "refundStanding": refundable.standing(row),
        "disputedAmount": exact(row.disputed, row.currency),
        "disputedAmountMinor": row.disputed,
        "chargedBackAmount": exact(row.charged_back, row.currency),
        "chargedBackAmountMinor": row.charged_back,
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


def attempt(row: Attempt) -> dict[str, Any]:
    """Return one try at a gateway."""
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


def surplus_charge(row: SurplusCharge) -> dict[str, Any]:
    """Return a charge that a gateway made without right; `owed` and `refused` are not given back yet.

    One that is not `taken` only waited for the customer and took no money: it is voided, and gives nothing back.
    """
    return {
        "surplusChargeID": row.pk,
        "reason": row.reason,
        "status": row.state,
        "taken": row.taken,
        "gateway": row.gateway,
        "gatewayReference": row.gateway_reference,
        "amount": exact(row.amount, row.currency),
        "amountMinor": row.amount,
        "currency": row.currency,
        "foundAt": timestamp(row.found_at),
        "returnedAt": timestamp(row.returned_at),
    }


def checkout(row: CheckoutSession, *, status: str, payment_id: str = "") -> dict[str, Any]:
    """Return a checkout, whose order is loaded; its token is a secret of the customer's, and not part of it."""
    order = row.order
    return {
        "orderID": order.reference,
        "status": status,
        "paymentID": payment_id or None,
        "amount": exact(order.amount, order.currency),
        "amountMinor": order.amount,
        "currency": order.currency,
        "createdAt": timestamp(row.created_at),
        "expiresAt": timestamp(row.expires_at),
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
