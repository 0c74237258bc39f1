"""Brings an older SQLite file of the sandbox gateway up to date."""

import sqlite3
from collections.abc import Mapping


def add_missing(database: sqlite3.Connection, table: str, columns: Mapping[str, str]) -> None:
    """Add to `table` those of `columns` (name → type) that it lacks; its rows get the default of the type."""
    there = {row[0] for row in database.execute("SELECT name FROM pragma_table_info(?)", (table,))}
    for name, kind in columns.items():
        if name not in there:
            database.execute(f"ALTER TABLE {table} ADD COLUMN {name} {kind}")
