"""The sandbox gateway's events: one row for every change of a charge, in the change's own transaction.

An event is due until its receiver has answered 2xx; webhooks.py sends it. Without a receiver none is ever due.
"""

import asyncio
import json
import secrets
import sqlite3
from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from payments.gateways.sandbox.charge import Charge, as_object
from payments.gateways.sandbox.clock import now_ms

API_VERSION: Final = "1"
_TYPES: Final = {
    "succeeded": "charge.succeeded",
    "declined": "charge.failed",
    "requires_action": "charge.action_required",
    "canceled": "charge.voided",
}
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, type TEXT NOT NULL, charge_id TEXT NOT NULL, key TEXT NOT NULL,
    reference TEXT NOT NULL, created_ms INTEGER NOT NULL, body TEXT NOT NULL, due_ms INTEGER,
    tries INTEGER NOT NULL DEFAULT 0, held INTEGER NOT NULL DEFAULT 0, answer TEXT, delivered_ms INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS events_due ON events (due_ms) WHERE due_ms IS NOT NULL;
"""
_ADD: Final = (
    "INSERT INTO events (id, type, charge_id, key, reference, created_ms, body, due_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_NEWEST: Final = 2**63 - 1


class GatewayEvent(NamedTuple):
    """One event, in the order of its columns. body: the very text that is signed and sent.

    due_ms: when it is sent next, in UTC milliseconds; None where nothing is left to do. held: a fault has delayed it
    once. answer: what the last try got, a status or an error's name.
    """

    seq: int
    id: str
    type: str
    charge_id: str
    key: str
    reference: str
    created_ms: int
    body: str
    due_ms: int | None
    tries: int
    held: int
    answer: str | None
    delivered_ms: int | None

    def shown(self) -> dict[str, Any]:
        """Return what the control API shows of it: the event, and how far its delivery has come."""
        delivery = {
            "due_ms": self.due_ms,
            "tries": self.tries,
            "answer": self.answer,
            "delivered_ms": self.delivered_ms,
        }
        return {**json.loads(self.body), "delivery": delivery}


class Told(NamedTuple):
    """A new event before it has its row. about: the charge, as the API shows it."""

    type: str
    about: dict[str, Any]
    more: dict[str, Any]
    api_version: str = API_VERSION


class EventLog:
    """The events in one ledger, over its connection. sends: somebody wants to get them."""

    def __init__(self, database: sqlite3.Connection, *, sends: bool) -> None:
        self._db = database
        self._sends = sends
        self.changed = asyncio.Event()
        database.executescript(_SCHEMA)

    def charges_changed(self, charges: Iterable[Charge]) -> None:
        """Write what has become of `charges`, inside the transaction that made it so."""
        self.write(Told(_TYPES[charge.status], as_object(charge), {}) for charge in charges if charge.status in _TYPES)

    def write(self, events: Iterable[Told]) -> list[str]:
        """Write new events, due at once; return their ids."""
        rows = [self._row(event) for event in events]
        self._db.executemany(_ADD, rows)
        self.changed.set()
        return [row[0] for row in rows]

    def _row(self, event: Told) -> tuple[Any, ...]:
        at, event_id = now_ms(), f"evt_{secrets.token_hex(12)}"
        body = {
            "id": event_id,
            "type": event.type,
            "created": at // 1000,
            "apiVersion": event.api_version,
            "data": {"object": event.about, **event.more},
        }
        text = json.dumps(body, separators=(",", ":"))
        named = [str(event.about.get(name, "")) for name in ("id", "idempotency_key", "reference")]
        return (event_id, event.type, *named, at, text, at if self._sends else None)

    def find(self, event_id: str) -> GatewayEvent | None:
        return next(iter(self._select("id = ? LIMIT 1", event_id)), None)

    def newest(self, *, before: int | None = None, limit: int = -1) -> list[GatewayEvent]:
        """Return events newest first, older than the row `before` where given; without a limit unless one is given."""
        return self._select("seq < ? ORDER BY seq DESC LIMIT ?", before or _NEWEST, limit)

    def due(self, at_ms: int, limit: int) -> list[GatewayEvent]:
        """Return what is due at `at_ms`, that which has waited longest first."""
        return self._select("due_ms <= ? ORDER BY due_ms, seq LIMIT ?", at_ms, limit)

    def next_due_ms(self) -> int | None:
        (due,) = self._db.execute("SELECT min(due_ms) FROM events WHERE due_ms IS NOT NULL").fetchone()
        return None if due is None else int(due)

    def hold(self, event_id: str, until_ms: int) -> None:
        """Send it at `until_ms`, and let no fault hold it again."""
        self._db.execute("UPDATE events SET due_ms = ?, held = 1 WHERE id = ?", (until_ms, event_id))

    def postpone(self, event_id: str, until_ms: int) -> None:
        self._db.execute("UPDATE events SET due_ms = ? WHERE id = ?", (until_ms, event_id))

    def tried(self, event_id: str, answer: str, *, again_ms: int | None, delivered: bool) -> None:
        """Note what a try got; again_ms: when the next one is, None where there is none."""
        self._db.execute(
            "UPDATE events SET tries = tries + 1, answer = ?, due_ms = ?, delivered_ms = ? WHERE id = ?",
            (answer, again_ms, now_ms() if delivered else None, event_id),
        )

    def resend(self, event_id: str) -> bool:
        """Send an event again from the first try on; say whether there is one. Nothing is due without a receiver."""
        due = now_ms() if self._sends else None
        done = self._db.execute("UPDATE events SET due_ms = ?, tries = 0 WHERE id = ?", (due, event_id))
        self.changed.set()
        return done.rowcount == 1

    def _select(self, where: str, *values: Any) -> list[GatewayEvent]:
        rows = self._db.execute(f"SELECT * FROM events WHERE {where}", values)  # noqa: S608
        return [GatewayEvent(*row) for row in rows.fetchall()]
