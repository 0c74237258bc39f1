"""The disputes in the sandbox gateway's ledger: each change with its event, in one transaction."""

import sqlite3
from typing import Final

from payments.gateways.sandbox.charge import as_object, charge_in
from payments.gateways.sandbox.dispute import Dispute, dispute_object
from payments.gateways.sandbox.events import EventLog, Told
from payments.gateways.sandbox.transactions import transaction

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS disputes (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, charge_id TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    due_by INTEGER NOT NULL, created_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS disputes_charge ON disputes (charge_id);
"""
_ADD: Final = "INSERT INTO disputes VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ALL: Final = "SELECT * FROM disputes ORDER BY seq DESC"
_SUM: Final = "SELECT coalesce(sum(amount), 0) FROM disputes WHERE charge_id = ? AND status = ?"


class DisputeBook:
    """The disputes over the ledger's connection."""

    def __init__(self, database: sqlite3.Connection, events: EventLog) -> None:
        self._db = database
        self._events = events
        database.executescript(_SCHEMA)

    def open(self, dispute: Dispute) -> None:
        with transaction(self._db):
            self._db.execute(_ADD, dispute)
            self._tell("dispute.created", dispute)

    def close(self, dispute_id: str, status: str) -> bool:
        """Close an open dispute as `won` or `lost`; say whether it was open."""
        dispute = self.find(dispute_id)
        if dispute is None or dispute.status != "open":
            return False
        with transaction(self._db):
            self._db.execute("UPDATE disputes SET status = ? WHERE id = ?", (status, dispute_id))
            self._tell("dispute.closed", dispute._replace(status=status))
        return True

    def find(self, dispute_id: str) -> Dispute | None:
        row = self._db.execute("SELECT * FROM disputes WHERE id = ?", (dispute_id,)).fetchone()
        return Dispute(*row[1:]) if row else None

    def newest(self) -> list[Dispute]:
        return [Dispute(*row[1:]) for row in self._db.execute(_ALL).fetchall()]

    def disputed(self, charge_id: str, status: str) -> int:
        """Return the minor units of a charge in disputes of this status."""
        (amount,) = self._db.execute(_SUM, (charge_id, status)).fetchone()
        return int(amount)

    def _tell(self, type_: str, dispute: Dispute) -> None:
        about = as_object(charge_in(self._db, dispute.charge_id))
        self._events.write([Told(type_, about, {"dispute": dispute_object(dispute)})])
