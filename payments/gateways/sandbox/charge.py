"""A charge as the sandbox gateway keeps it and as its API shows it."""

import json
import sqlite3
from typing import Any, Final, NamedTuple

# Rows with their number first and what is given back last, both of which are no columns to be written.
READ_CHARGES: Final = (
    "SELECT charges.*,"
    " (SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge_id = charges.id AND status <> 'failed') FROM charges"
)


class Charge(NamedTuple):
    """One charge, in the order of its columns. amount: minor units; metadata: JSON; created_ms: UTC milliseconds.

    fingerprint: of the card; empty for charges older than fingerprints. network_advice: of a decline.
    amount_refunded: minor units, of refunds that have not failed; no column.
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
    amount_refunded: int = 0


def as_object(charge: Charge) -> dict[str, Any]:
    """Return the charge object that the API documents. amount: minor units; created: UTC seconds."""
    return {
        "id": charge.id,
        "object": "charge",
        "status": charge.status,
        "amount": charge.amount,
        "amount_refunded": charge.amount_refunded,
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


def charge_in(database: sqlite3.Connection, charge_id: str) -> Charge:
    """Return a charge that a refund or dispute is about, as it is in the ledger; raises TypeError where it is not."""
    row = database.execute(f"{READ_CHARGES} WHERE id = ?", (charge_id,)).fetchone()
    return Charge(*row[1:])
