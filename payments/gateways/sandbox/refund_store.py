"""The refunds in the sandbox gateway's ledger: each change with its event, in one transaction."""

import sqlite3
from typing import Any, Final

from payments.gateways.sandbox.charge import as_object, charge_in
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.events import EventLog, Told
from payments.gateways.sandbox.refund import Refund, refund_object
from payments.gateways.sandbox.refund_orders import RefundOrder
from payments.gateways.sandbox.transactions import transaction

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT, charge_id TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, failure_code TEXT, reason TEXT NOT NULL,
    metadata TEXT NOT NULL, created_ms INTEGER NOT NULL, succeeds_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_key ON refunds (key);
CREATE INDEX IF NOT EXISTS refunds_charge ON refunds (charge_id);
CREATE INDEX IF NOT EXISTS refunds_pending ON refunds (succeeds_ms) WHERE status = 'pending';
CREATE TABLE IF NOT EXISTS refund_requests (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL,
    charge_id TEXT NOT NULL, digest TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS refund_requests_key ON refund_requests (key);
"""
_TYPES: Final = {"pending": "refund.created", "succeeded": "refund.succeeded", "failed": "refund.failed"}
_ADD: Final = "INSERT INTO refunds VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_CHANGE: Final = "UPDATE refunds SET status = ?, failure_code = ? WHERE id = ?"
_GIVEN_BACK: Final = "SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge_id = ? AND status <> 'failed'"
_DUE: Final = "SELECT id FROM refunds WHERE status = 'pending' AND succeeds_ms <= ?"
_NEWEST: Final = 2**63 - 1


class RefundBook:
    """The refunds over the ledger's connection. A pending one succeeds when its time has come and somebody looks."""

    def __init__(self, database: sqlite3.Connection, events: EventLog) -> None:
        self._db = database
        self._events = events
        database.executescript(_SCHEMA)

    def log_request(self, order: RefundOrder, reference: str) -> None:
        """Note that a refund request arrived, whatever becomes of it. reference: of its charge, if there is one."""
        row = (now_ms(), order.key, reference, order.charge, order.digest)
        self._db.execute("INSERT INTO refund_requests VALUES (NULL, ?, ?, ?, ?, ?)", row)

    def reference_asked(self, key: str) -> str:
        """Return the reference of the charge that was to be refunded under `key`; empty where nobody asked for it."""
        query = "SELECT reference FROM refund_requests WHERE key = ? ORDER BY seq DESC LIMIT 1"
        row = self._db.execute(query, (key,)).fetchone()
        return str(row[0]) if row else ""

    def requests(self, *, key: str | None, reference: str | None) -> list[dict[str, Any]]:
        """Return the refund requests received, oldest first, of one key or reference where given."""
        rows = self._db.execute(
            "SELECT at_ms, key, reference, charge_id, digest FROM refund_requests"
            " WHERE (?1 IS NULL OR key = ?1) AND (?2 IS NULL OR reference = ?2) ORDER BY seq",
            (key, reference),
        )
        names = ("at_ms", "idempotency_key", "reference", "charge", "payload_hash")
        return [dict(zip(names, row, strict=True)) for row in rows]

    def add(self, refund: Refund) -> None:
        """Write a new refund and its event, inside the transaction that checked that it may be."""
        self._db.execute(_ADD, refund)
        self._tell(refund)

    def change(self, refund_id: str, old: tuple[str, ...], status: str, failure_code: str | None) -> bool:
        """Move a refund out of one of the `old` statuses; say whether it was in one."""
        refund = self.find(refund_id)
        if refund is None or refund.status not in old:
            return False
        self._move(refund, status, failure_code)
        return True

    def settle_due(self) -> None:
        """Let every pending refund succeed whose time has come, before anybody looks at it."""
        for (refund_id,) in self._db.execute(_DUE, (now_ms(),)).fetchall():
            self._move(self._rows("id = ?", refund_id)[0], "succeeded", None)

    def given_back(self, charge_id: str) -> int:
        """Return the minor units of a charge that are refunded or being so."""
        (amount,) = self._db.execute(_GIVEN_BACK, (charge_id,)).fetchone()
        return int(amount)

    def find(self, refund_id: str) -> Refund | None:
        self.settle_due()
        return next(iter(self._rows("id = ?", refund_id)), None)

    def newest(
        self, *, key: str | None = None, charge_id: str | None = None, before: int | None = None, limit: int = -1
    ) -> list[Refund]:
        """Return refunds newest first, of one key or charge where given, older than the row `before` where given."""
        self.settle_due()
        where = "(?1 IS NULL OR key = ?1) AND (?2 IS NULL OR charge_id = ?2) AND seq < ?3 ORDER BY seq DESC LIMIT ?4"
        return self._rows(where, key, charge_id, before or _NEWEST, limit)

    def position(self, refund_id: str) -> int | None:
        """Return the row number of a refund, which a cursor stands for."""
        row = self._db.execute("SELECT seq FROM refunds WHERE id = ?", (refund_id,)).fetchone()
        return int(row[0]) if row else None

    def _move(self, refund: Refund, status: str, failure_code: str | None) -> None:
        with transaction(self._db):
            self._db.execute(_CHANGE, (status, failure_code, refund.id))
            self._tell(refund._replace(status=status, failure_code=failure_code))

    def _tell(self, refund: Refund) -> None:
        about = as_object(charge_in(self._db, refund.charge_id))
        self._events.write([Told(_TYPES[refund.status], about, {"refund": refund_object(refund)})])

    def _rows(self, where: str, *values: Any) -> list[Refund]:
        found = self._db.execute(f"SELECT * FROM refunds WHERE {where}", values)  # noqa: S608
        return [Refund(*row[1:]) for row in found.fetchall()]
