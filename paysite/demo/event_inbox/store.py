"""What the inbox got, in a SQLite file of the shop's own."""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS received (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, verified INTEGER NOT NULL, type TEXT NOT NULL,
    payment TEXT NOT NULL, sequence INTEGER NOT NULL, body TEXT NOT NULL, at TEXT NOT NULL, times INTEGER NOT NULL,
    UNIQUE (id, verified)
) STRICT;
CREATE TABLE IF NOT EXISTS ever (number INTEGER NOT NULL) STRICT;
INSERT INTO ever SELECT count(*) FROM received WHERE NOT EXISTS (SELECT 1 FROM ever);
CREATE TRIGGER IF NOT EXISTS another AFTER INSERT ON received BEGIN UPDATE ever SET number = number + 1; END;
"""
# What nobody signed has a row of its own: it must not touch what the shop believes.
_ADD: Final = """
INSERT INTO received (id, verified, type, payment, sequence, body, at, times) VALUES (?, ?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (id, verified) DO UPDATE SET times = times + 1
"""
# Anybody on this machine can post: the oldest rows go, those without a right signature sooner.
_KEPT: Final = {True: 1000, False: 50}
_FORGET: Final = """
DELETE FROM received WHERE verified = ?1 AND position <= (
    SELECT position FROM received WHERE verified = ?1 ORDER BY position DESC LIMIT 1 OFFSET ?2
)
"""
_NEWEST: Final = "SELECT * FROM received ORDER BY position DESC LIMIT ?"


class Received(NamedTuple):
    """One event, in the order of its columns. verified: its signature was right.

    sequence: its number within its payment, 0 where it is about none. at: when it first came, UTC, ISO 8601. times:
    how often it came.
    """

    position: int
    id: str
    verified: bool
    type: str
    payment: str
    sequence: int
    body: str
    at: str
    times: int


class Store:
    """Used by one event loop only."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, timeout=5)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        self._db.close()

    def add(self, event_id: str, body: bytes, *, verified: bool) -> None:
        """Keep one delivery: a row for a new event, one more time for an event that is known."""
        event = _read(body)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._db.execute(_ADD, (event_id, verified, *event, body.decode(errors="replace"), at))
        self._db.execute(_FORGET, (verified, _KEPT[verified]))

    def ever(self) -> int:
        """Return how many events it ever got, the forgotten ones among them; one that came again is one."""
        (number,) = self._db.execute("SELECT number FROM ever").fetchone()
        return int(number)

    def newest(self, limit: int = 200) -> list[Received]:
        rows = self._db.execute(_NEWEST, (limit,)).fetchall()
        return [Received(*row)._replace(verified=bool(row[2])) for row in rows]


def _read(body: bytes) -> tuple[str, str, int]:
    """Return type, payment and number of an event, each empty or 0 where the body does not say it."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    event: dict[str, Any] = document if isinstance(document, dict) else {}
    data = event.get("data")
    payment = data.get("paymentID") if isinstance(data, dict) else ""
    number = event.get("sequence")
    return _text(event.get("type")), _text(payment), number if type(number) is int and 0 <= number < 2**31 else 0


def _text(value: Any) -> str:
    return value.encode(errors="replace").decode()[:100] if isinstance(value, str) else ""
