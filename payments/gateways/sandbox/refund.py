"""A refund as the sandbox gateway keeps it and as its API shows it."""

from typing import Any, NamedTuple


class Refund(NamedTuple):
    """One refund, in the order of its columns. amount: minor units; metadata: JSON; times: UTC milliseconds.

    key: None where it was made at the gateway's dashboard. reference: of the charge. succeeds_ms: when a pending one
    succeeds by itself, None where it never does.
    """

    id: str
    key: str | None
    charge_id: str
    reference: str
    amount: int
    currency: str
    status: str
    failure_code: str | None
    reason: str
    metadata: str
    created_ms: int
    succeeds_ms: int | None


def refund_object(refund: Refund) -> dict[str, Any]:
    """Return the refund object that the API documents. amount: minor units; created: UTC seconds."""
    return {
        "id": refund.id,
        "object": "refund",
        "status": refund.status,
        "amount": refund.amount,
        "currency": refund.currency,
        "charge": refund.charge_id,
        "reference": refund.reference,
        "livemode": False,
        "created": refund.created_ms // 1000,
        "failure_code": refund.failure_code,
        "reason": refund.reason,
        "idempotency_key": refund.key,
    }
