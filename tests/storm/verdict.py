"""Judges what a storm left behind: the invariant checker does, and the gateways' own notes of what we acknowledged."""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.invariants.checker import check
from tests.invariants.evidence import Evidence
from tests.storm.observer import Observer

_ACKNOWLEDGED: Final = "SELECT id FROM events WHERE delivered_ms IS NOT NULL ORDER BY seq"


def violations_of(
    database_url: str, ledgers: Mapping[str, Path], histories: Sequence[Path], inboxes: Sequence[Path]
) -> list[str]:
    """Return sentences, none where every invariant holds at quiescence."""
    found = check(Evidence(database_url, ledgers, histories, inboxes), quiet=True)
    return [*map(str, found), *forgotten(database_url, ledgers)]


def forgotten(database_url: str, ledgers: Mapping[str, Path]) -> list[str]:
    """Return the gateways' events that we answered with 2xx and do not have (requirement E1)."""
    stored = Observer(database_url).gateway_events()
    return [
        f"{name} event {event_id}: was acknowledged, and is not stored"
        for name, path in ledgers.items()
        for event_id in _acknowledged(path)
        if (name, event_id) not in stored
    ]


def _acknowledged(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return [event_id for (event_id,) in ledger.execute(_ACKNOWLEDGED)]
