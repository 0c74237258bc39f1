"""Reads the sandbox gateways' own ledgers: what was really charged, and what was really asked."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.invariants.read_database import PATIENCE
from tests.invariants.rows import Charge, Disputed, Request, Returned

_CHARGES = "SELECT ?, id, key, reference, amount, currency, status, created_ms / 1000.0 FROM charges ORDER BY seq"
_REQUESTS = "SELECT ?, key, reference, digest, at_ms / 1000.0 FROM requests ORDER BY seq"
_REFUNDS = "SELECT ?, id, key, charge_id, reference, amount, currency, status FROM refunds ORDER BY seq"
_REFUND_REQUESTS = "SELECT ?, key, reference, digest, at_ms / 1000.0 FROM refund_requests ORDER BY seq"
_DISPUTES = "SELECT ?, id, reference, amount, currency, status FROM disputes ORDER BY seq"


@dataclass(frozen=True)
class Ledgers:
    """What all gateways wrote, each gateway's in the order in which it did. requests: to charge."""

    gateways: frozenset[str]
    charges: list[Charge]
    requests: list[Request]
    refunds: list[Returned]
    refund_requests: list[Request]
    disputes: list[Disputed]


def read_gateways(files: Mapping[str, Path]) -> Ledgers:
    """Return what the ledgers say; raise sqlite3.OperationalError where one cannot be read."""
    found = Ledgers(frozenset(files), [], [], [], [], [])
    for gateway, path in files.items():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None)) as file:
            file.execute("BEGIN")
            found.charges.extend(map(Charge._make, file.execute(_CHARGES, (gateway,))))
            found.requests.extend(map(Request._make, file.execute(_REQUESTS, (gateway,))))
            found.refunds.extend(map(Returned._make, file.execute(_REFUNDS, (gateway,))))
            found.refund_requests.extend(map(Request._make, file.execute(_REFUND_REQUESTS, (gateway,))))
            found.disputes.extend(map(Disputed._make, file.execute(_DISPUTES, (gateway,))))
    return found
