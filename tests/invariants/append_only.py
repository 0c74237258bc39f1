"""Whether the database itself refuses to change the audit trail and the books: it is tried, and undone."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, Final

import psycopg

from tests.invariants.evidence import Violation
from tests.invariants.read_database import PATIENCE, sqlite_path, vendor_of

# Table → a change that nothing but its guard refuses.
_CHANGES: Final = {"payments_auditentry": "reason = 'changed'", "payments_ledgerposting": "amount = amount + 1"}
# What a guard raises; anything else (a lock, a lost connection) is no refusal and ends the check.
_REFUSALS: Final = (sqlite3.IntegrityError, psycopg.IntegrityError)

Try = Callable[[str], Any]


def records_cannot_be_changed(database_url: str, *, truncate: bool) -> Iterator[Violation]:
    """Invariant 23 (S): UPDATE, DELETE and, with `truncate` and on PostgreSQL, TRUNCATE in transactions rolled back.

    Works on one row of each table, so that an empty one proves nothing. TRUNCATE would wait for all other work.
    """
    vendor = vendor_of(database_url)
    attempt = _on_postgresql if vendor == "postgresql" else _on_sqlite
    for table, change in _CHANGES.items():
        one = f"WHERE id = (SELECT min(id) FROM {table})"
        statements = [f"UPDATE {table} SET {change} {one}", f"DELETE FROM {table} {one}"]
        if truncate and vendor == "postgresql":
            statements.append(f"TRUNCATE {table}")
        for statement in statements:
            if not attempt(database_url, statement):
                yield Violation(23, table, f"the database allows {statement.split()[0]}")


def _on_postgresql(database_url: str, statement: str) -> bool:
    """Say whether `statement` was refused, or had no row to touch."""
    with psycopg.connect(database_url) as server:
        server.execute(f"SET LOCAL lock_timeout = '{PATIENCE}s'".encode())
        try:
            touched = server.execute(statement.encode()).rowcount
        except _REFUSALS:
            return True
        finally:
            server.rollback()
    return touched == 0


def _on_sqlite(database_url: str, statement: str) -> bool:
    uri = f"file:{sqlite_path(database_url)}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)) as file:
        file.execute("BEGIN IMMEDIATE")
        try:
            touched = file.execute(statement).rowcount
        except _REFUSALS:
            return True
        finally:
            file.execute("ROLLBACK")
    return touched == 0
