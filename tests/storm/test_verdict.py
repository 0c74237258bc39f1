"""What a storm's verdict finds beside the invariants."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.storm.verdict import forgotten

pytestmark = pytest.mark.once


def test_an_event_that_was_acknowledged_and_is_not_stored_is_found(tmp_path: Path) -> None:
    database, ledger = tmp_path / "paysite.sqlite3", tmp_path / "ledger.sqlite3"
    _write(
        database, "CREATE TABLE payments_gatewayevent (gateway, event_id)", ("secondary", "evt_1"), ("primary", "evt_2")
    )
    _write(ledger, "CREATE TABLE events (id, delivered_ms, seq)", ("evt_1", 5, 1), ("evt_2", 5, 2), ("evt_3", None, 3))
    assert forgotten(f"sqlite://{database}", {"primary": ledger}) == [
        "primary event evt_1: was acknowledged, and is not stored"
    ]


def _write(path: Path, table: str, *rows: tuple[object, ...]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(table)
        file.executemany(f"INSERT INTO {table.split()[2]} VALUES ({marks})", rows)
