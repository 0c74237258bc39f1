"""What only the API shows of refunds, beside refunds/representation.py: their attempts, and complaints."""

from typing import Any

from payments.representation import exact, timestamp
from refunds.models import Refund, RefundAttempt
from refunds.representation import refund
from refunds.services.complain import Answered


def with_attempts(row: Refund) -> dict[str, Any]:
    """Return the refund and every time it was sent, the first time first."""
    return {**refund(row), "attempts": [_attempt(attempt) for attempt in row.attempts.order_by("number")]}


def answered(known: Answered) -> dict[str, Any]:
    """Return a complaint and what became of it, with its refund as it is now."""
    row = known.complaint
    return {
        "complaintID": row.pk,
        "orderID": row.order.reference,
        "paymentID": row.payment_id,
        "decision": row.decision,
        "why": row.why,
        "amount": exact(row.amount, row.currency),
        "amountMinor": row.amount,
        "currency": row.currency,
        "refund": None if row.refund is None else refund(row.refund),
        "taskID": known.task_id,
    }


def _attempt(row: RefundAttempt) -> dict[str, Any]:
    return {
        "number": row.number,
        "status": row.state,
        "sentAt": timestamp(row.sent_at),
        "finishedAt": timestamp(row.finished_at),
    }
