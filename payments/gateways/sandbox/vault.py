"""The card vault: keeps the tokens that card pages mint, in one SQLite file.

In real life a vault of network or portable tokens is independent of the gateways that charge them, so that a card
typed once can be charged at another gateway, too. Gateways that open the same file are such gateways. Several
processes write to it (WAL), each waiting for the others at most 5 seconds. Without a file of its own the vault is in
the ledger's.
"""

import fcntl
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from payments.gateways.sandbox.columns import add_missing

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY, scenario TEXT NOT NULL, brand TEXT NOT NULL, last4 TEXT NOT NULL,
    created_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS fingerprint_key (only INTEGER PRIMARY KEY CHECK (only = 1), key BLOB NOT NULL) STRICT;
"""
_ADDED: Final = {"fingerprint": "TEXT NOT NULL DEFAULT ''"}
_WAIT_SECONDS: Final = 5


class Token(NamedTuple):
    """A token minted by a card page, in the order of its columns; the card's number was never stored.

    created_ms: UTC milliseconds. fingerprint: of the card; empty for tokens older than fingerprints.
    """

    token: str
    scenario: str
    brand: str
    last4: str
    created_ms: int
    fingerprint: str = ""


class Vault:
    """Used by one event loop only; other processes may have the same file open. key: makes fingerprints of cards."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_SECONDS)
        with _alone(path):
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.executescript(_SCHEMA)
            add_missing(self._db, "tokens", _ADDED)
            self._db.execute("INSERT OR IGNORE INTO fingerprint_key VALUES (1, ?)", (secrets.token_bytes(32),))
        (self.key,) = self._db.execute("SELECT key FROM fingerprint_key").fetchone()

    def close(self) -> None:
        self._db.close()

    def take_over(self, ledger: Path) -> None:
        """Copy the tokens that a gateway kept in its own file before it shared a vault; they stay valid there, too."""
        if ledger.resolve() == self._path.resolve():
            return
        own = sqlite3.connect(ledger, timeout=_WAIT_SECONDS)
        try:
            if own.execute("SELECT 1 FROM sqlite_schema WHERE name = 'tokens'").fetchone():
                tokens = own.execute("SELECT token, scenario, brand, last4, created_ms FROM tokens").fetchall()
                for token in tokens:
                    self._add("INSERT OR IGNORE", Token(*token))
        finally:
            own.close()

    def add(self, token: Token) -> None:
        """Keep a new token; it is committed, and known to all gateways of this vault, when this returns."""
        self._add("INSERT", token)

    def find(self, token: str) -> Token | None:
        row = self._db.execute("SELECT * FROM tokens WHERE token = ?", (token,)).fetchone()
        return Token(*row) if row else None

    def _add(self, verb: str, token: Token) -> None:
        self._db.execute(f"{verb} INTO tokens VALUES (?, ?, ?, ?, ?, ?)", token)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep other gateways from opening the vault meanwhile.

    They start at the same moment, and SQLite does not wait for another process that turns a new file to WAL, too.
    """
    with path.with_name(f"{path.name}-opening").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
