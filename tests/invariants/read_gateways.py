"""Reads the sandbox gateways' own ledgers: what was really charged, and what was really asked."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.invariants.read_database import PATIENCE
from tests.invariants.rows import Charge, Request

_CHARGES = "SELECT ?, id, key, reference, amount, currency, status, created_ms / 1000.0 FROM charges ORDER BY seq"
_REQUESTS = "SELECT ?, key, reference, digest, at_ms / 1000.0 FROM requests ORDER BY seq"


@dataclass(frozen=True)
class Ledgers:
    """The charges and the requests of all gateways, each gateway's in the order in which it wrote them."""

    gateways: frozenset[str]
    charges: list[Charge]
    requests: list[Request]


def read_gateways(files: Mapping[str, Path]) -> Ledgers:
    """Return what the ledgers say; raise sqlite3.OperationalError where one cannot be read."""
    charges: list[Charge] = []
    requests: list[Request] = []
    for gateway, path in files.items():
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None)) as file:
            file.execute("BEGIN")
            charges += map(Charge._make, file.execute(_CHARGES, (gateway,)))
            requests += map(Request._make, file.execute(_REQUESTS, (gateway,)))
    return Ledgers(frozenset(files), charges, requests)
