"""How a dispute looks from outside; the API's answers and the events that shops get are made of the same."""

from typing import Any

from disputes.models import Dispute
from payments.representation import exact, timestamp


def dispute(row: Dispute) -> dict[str, Any]:
    """Return the dispute as every endpoint shows it.

    confirmed: whether the gateway itself was asked and said so; until then it is what the gateway's event told.
    refundedBefore: what had been or might have been refunded when it was opened, which is evidence against it.
    """
    return {
        "disputeID": row.pk,
        "paymentID": row.payment_id,
        "status": row.status,
        "confirmed": row.confirmed_at is not None,
        "amount": exact(row.amount, row.currency),
        "amountMinor": row.amount,
        "currency": row.currency,
        "reason": row.reason or None,
        "refundedBefore": exact(row.refunded_before, row.currency),
        "refundedBeforeMinor": row.refunded_before,
        "gateway": row.gateway,
        "gatewayReference": row.gateway_reference,
        "respondBy": timestamp(row.respond_by),
        "openedAt": timestamp(row.opened_at),
        "closedAt": timestamp(row.closed_at),
    }
