"""A charge as the sandbox gateway keeps it and as its API shows it."""

import json
from typing import Any, NamedTuple


class Charge(NamedTuple):
    """One charge, in the order of its columns. amount: minor units; metadata: JSON; created_ms: UTC milliseconds.

    fingerprint: of the card; empty for charges older than fingerprints. network_advice: of a decline.
    """

    id: str
    key: str
    reference: str
    amount: int
    currency: str
    status: str
    decline_code: str | None
    action_url: str | None
    brand: str
    last4: str
    return_url: str
    metadata: str
    created_ms: int
    fingerprint: str = ""
    network_advice: str | None = None


def as_object(charge: Charge) -> dict[str, Any]:
    """Return the charge object that the API documents. amount: minor units; created: UTC seconds."""
    return {
        "id": charge.id,
        "object": "charge",
        "status": charge.status,
        "amount": charge.amount,
        "currency": charge.currency,
        "reference": charge.reference,
        "livemode": False,
        "created": charge.created_ms // 1000,
        "decline_code": charge.decline_code,
        "action_url": charge.action_url,
        "network_advice": charge.network_advice,
        "card": {"brand": charge.brand, "last4": charge.last4, "fingerprint": charge.fingerprint or None},
        "metadata": json.loads(charge.metadata),
        "idempotency_key": charge.key,
    }
