"""How a refund looks from outside; the API's answers and the events that shops get are made of the same."""

from typing import Any, Final

from payments.declines import decline
from payments.representation import exact, timestamp
from refunds.models import Refund
from refunds.states import RefundState

# Why a refund fails or is called off, beside what is in the decline map: none of these tells of fraud.
_PUBLIC_CODES: Final = frozenset(
    {
        # Ours.
        *("called_off", "approval_lapsed", "payment_disputed", "payment_not_captured", "payment_outcome_unknown"),
        *("refund_window_over", "gateway_cannot_refund", "fully_refunded", "nothing_left"),
        *("amount_exceeds_refundable", "gateway_rejected", "declined", "pending", "proven_absent"),
        "reference_of_another",
        # Gateways'.
        *("charge_not_refundable", "charge_unknown", "charge_disputed", "currency_mismatch", "insufficient_balance"),
        *("expired_or_canceled_card", "card_closed"),
    }
)


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
        "failureCode": _code_for_clients(row),
        "gateway": row.gateway,
        "gatewayReference": row.gateway_reference or None,
        "idempotencyKey": None if row.idempotency_key.startswith("~") else row.idempotency_key,
        "createdAt": timestamp(row.created_at),
        "updatedAt": timestamp(row.updated_at),
        "finishedAt": timestamp(row.finished_at),
    }


def _code_for_clients(row: Refund) -> str | None:
    """Return why it failed or was called off, as of charges (B5): neutral where it is fraud, or nobody mapped it."""
    if not row.error_code:
        return None
    meaning = decline(row.error_code, row.gateway)
    return row.error_code if not meaning.is_mapped and row.error_code in _PUBLIC_CODES else meaning.code
