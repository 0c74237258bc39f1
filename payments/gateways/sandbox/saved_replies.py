"""The first reply to each key, to be given again to whoever sends the same request once more."""

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS replies (
    key TEXT PRIMARY KEY, digest TEXT NOT NULL, status INTEGER NOT NULL, body BLOB NOT NULL, created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
_ADD: Final = "INSERT OR REPLACE INTO replies VALUES (?, ?, ?, ?, ?)"


class SavedReply(NamedTuple):
    """One of them. digest: of the parameters it was for."""

    key: str
    digest: str
    status: int
    body: bytes
    created_ms: int


class SavedReplies:
    """Those in one ledger, over its connection; charges and refunds share the keys."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._db = database
        database.executescript(_SCHEMA)

    def write(self, replies: Iterable[SavedReply]) -> None:
        """Keep replies, inside the transaction that made what they tell."""
        self._db.executemany(_ADD, replies)

    def of(self, key: str) -> SavedReply | None:
        row = self._db.execute("SELECT * FROM replies WHERE key = ?", (key,)).fetchone()
        return SavedReply(*row) if row else None
