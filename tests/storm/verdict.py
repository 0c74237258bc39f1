"""Judges what a storm left behind: the invariant checker does, and the gateways' own notes of what we acknowledged."""

import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from tests.invariants.checker import check
from tests.invariants.evidence import Evidence
from tests.storm.observer import Observer
from tests.storm.result import lines_of

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


def refund_answers(known: Mapping[str, tuple[str, str, int]], history: Path) -> list[str]:
    """Return how clients' answers about refunds differ from what there is (invariants 14, 17, 18 and 42 for refunds).

    known: key → id, payment and amount of every refund. Every accepted request is the refund that was promised, once;
    every refused one is none; there is no server error but 503.
    """
    found: list[str] = []
    accepted: dict[str, int] = Counter()
    refused: set[str] = set()
    for line in lines_of(history):
        key, status, body = line["key"], line["status"], line["body"] or {}
        if status == 202:
            accepted[key] += not line["replayed"]
            promised = (body.get("refundID"), line["request"]["paymentID"], body.get("amountMinor"))
            if known.get(key) != promised:
                found.append(f"refund {key}: was promised {promised}, and there is {known.get(key)}")
        elif status is not None and status >= 500 and status != 503:
            found.append(f"refund {key}: was answered {status}")
        elif status is not None and status < 500:
            refused.add(key)
    found += [f"refund {key}: has {count} answers that are no replays" for key, count in accepted.items() if count > 1]
    found += [f"refund {key}: was refused, and there is {known[key]}" for key in sorted(refused & known.keys())]
    return found


def _acknowledged(path: Path) -> list[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return [event_id for (event_id,) in ledger.execute(_ACKNOWLEDGED)]
