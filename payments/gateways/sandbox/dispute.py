"""A dispute as the sandbox gateway keeps it and as its API shows it."""

from typing import Any, NamedTuple


class Dispute(NamedTuple):
    """One dispute, in the order of its columns. amount: minor units; due_by: UTC seconds; created_ms: milliseconds.

    status: `open` (the money is held), `won` (it is the shop's again) or `lost` (it is the customer's).
    """

    id: str
    charge_id: str
    reference: str
    amount: int
    currency: str
    status: str
    reason: str
    due_by: int
    created_ms: int


def dispute_object(dispute: Dispute) -> dict[str, Any]:
    """Return the dispute object that the API documents. amount: minor units; due_by, created: UTC seconds."""
    return {
        "id": dispute.id,
        "object": "dispute",
        "status": dispute.status,
        "amount": dispute.amount,
        "currency": dispute.currency,
        "charge": dispute.charge_id,
        "reference": dispute.reference,
        "livemode": False,
        "created": dispute.created_ms // 1000,
        "reason": dispute.reason,
        "due_by": dispute.due_by,
    }
