"""What a storm's verdict finds beside the invariants."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.storm.verdict import forgotten, refund_answers


def test_an_event_that_was_acknowledged_and_is_not_stored_is_found(tmp_path: Path) -> None:
    database, ledger = tmp_path / "paysite.sqlite3", tmp_path / "ledger.sqlite3"
    _write(
        database, "CREATE TABLE payments_gatewayevent (gateway, event_id)", ("secondary", "evt_1"), ("primary", "evt_2")
    )
    _write(ledger, "CREATE TABLE events (id, delivered_ms, seq)", ("evt_1", 5, 1), ("evt_2", 5, 2), ("evt_3", None, 3))
    assert forgotten(f"sqlite://{database}", {"primary": ledger}) == [
        "primary event evt_1: was acknowledged, and is not stored"
    ]


KNOWN = {"key-1": ("rf_1", "pay_1", 500)}


def told(key: str, status: int | None, refund: str = "rf_1", *, amount: int = 500, replayed: bool = False) -> str:
    body = None if status is None else {"refundID": refund, "amountMinor": amount}
    request = {"paymentID": "pay_1"}
    return json.dumps({"key": key, "request": request, "status": status, "body": body, "replayed": replayed})


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([told("key-1", None), told("key-1", 503), told("key-1", 202), told("key-1", 202, replayed=True)], []),
        ([told("key-2", 409)], []),
        ([told("key-1", 202, "rf_2")], ["promised"]),
        ([told("key-1", 202, amount=501)], ["promised"]),
        ([told("key-3", 202, "rf_3")], ["promised"]),
        ([told("key-1", 202), told("key-1", 202)], ["no replays"]),
        ([told("key-1", 409)], ["was refused, and there is"]),
        ([told("key-2", 500)], ["was answered 500"]),
    ],
)
def test_an_answer_about_a_refund_that_is_not_true_is_found(tmp_path: Path, lines: list[str], found: list[str]) -> None:
    history = tmp_path / "refunds.jsonl"
    history.write_text("".join(f"{line}\n" for line in lines))
    sentences = refund_answers(KNOWN, history)
    assert len(sentences) == len(found)
    assert all(part in sentence for part, sentence in zip(found, sentences, strict=True))


def _write(path: Path, table: str, *rows: tuple[object, ...]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(table)
        file.executemany(f"INSERT INTO {table.split()[2]} VALUES ({marks})", rows)
