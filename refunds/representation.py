"""How a refund looks from outside; the API's answers and the events that shops get are made of the same."""

from typing import Any

from payments.representation import exact, timestamp
from refunds.models import Refund
from refunds.states import RefundState


def refund(row: Refund) -> dict[str, Any]:
    """Return the refund as every endpoint shows it: never the gateway's words, nor who of the shop's team acted."""
    return {
        "refundID": row.pk,
        "paymentID": row.payment_id,
        "status": row.state,
        "outcomeUnknown": row.state == RefundState.UNKNOWN,
        "amount": exact(row.amount, row.currency),
        "amountMinor": row.amount,
        "currency": row.currency,
        "reason": row.reason,
        "note": row.note,
        "origin": row.origin,
        "external": row.is_external,
        "needsApproval": row.needs_approval,
        "failureCode": row.error_code or None,
        "gateway": row.gateway,
        "gatewayReference": row.gateway_reference or None,
        "idempotencyKey": None if row.idempotency_key.startswith("~") else row.idempotency_key,
        "createdAt": timestamp(row.created_at),
        "updatedAt": timestamp(row.updated_at),
        "finishedAt": timestamp(row.finished_at),
    }
