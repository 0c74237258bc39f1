"""`make prove`: kills, cuts, storms, outages and races, on both databases, and whether any invariant was violated.

Crash suite (tests/crashes), truncation sweep (tests/sweep), storm over the whole running site (tests/storm), outage of
its gateways under load (tests/outage) and races (tests/races). Prints what really happened and writes it to
var/prove.json; docs/proof.md explains the figures.
"""

import argparse
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
from psycopg import sql

from tests.proof.parts import ROOT, Part, Ran, together
from tests.proof.report import document, table
from tests.support.postgres import private_postgres

_POSTGRES: Final = {"max_connections": "300", "shared_buffers": "128MB"}


@dataclass(frozen=True, slots=True)
class Size:
    """kills: on the embedded database, and four fifths of them on PostgreSQL, where each takes longer.

    share: of the bytes at which replies are cut. payments, seconds: of the storm.
    rate, outage: payments a second while gateways fail, and for how many seconds they arrive.
    """

    kills: int
    share: float
    payments: int
    seconds: int
    rate: int
    outage: int


SIZES: Final = {
    "small": Size(kills=35, share=0.02, payments=60, seconds=15, rate=6, outage=18),
    "full": Size(kills=420, share=1.0, payments=1000, seconds=40, rate=8, outage=24),
}


def main() -> int:
    """Return 0 where nothing was violated and every crash point was hit."""
    options = _options()
    size, seed = SIZES[options.size], options.seed if options.seed is not None else secrets.randbelow(10**6)
    print(f"Proving with seed {seed}, size {options.size} …", flush=True)
    began = time.monotonic()
    ran: list[Ran] = []
    with tempfile.TemporaryDirectory(prefix="paysite-prove-") as name, _databases() as new_database:
        for parts in _stages(size, seed, new_database):
            found = together(Path(name), parts)
            for one in found:
                print(f"  {one.part.name}: {one.seconds:.0f} s, {len(one.violations)} violations", flush=True)
            ran += found
    report = document(ran, seed=seed, size=options.size, seconds=time.monotonic() - began)
    target = Path(os.environ.get("PAYSITE_VAR") or ROOT / "var") / "prove.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(report, indent=2) + "\n")
    print(f"\n{table(report)}\n\nWritten to {target}.")
    return 1 if report["violations"] else 0


def _stages(size: Size, seed: int, new_database: "NewDatabase") -> Iterator[list[Part]]:
    """Yield what runs at the same time."""
    crashes = ("tests.crashes", "--seed", str(seed), "--kills")
    yield [
        Part("crashes on SQLite", (*crashes, str(size.kills)), ""),
        Part("crashes on PostgreSQL", (*crashes, str(size.kills * 4 // 5)), new_database()),
    ]
    sweep = ("tests.sweep", "--seed", str(seed), "--share", str(size.share))
    yield [Part("sweep on SQLite", sweep, ""), Part("sweep on PostgreSQL", sweep, new_database())]
    storm = ("tests.storm", "--seed", str(seed), "--payments", str(size.payments), "--seconds", str(size.seconds))
    yield [Part("storm on PostgreSQL", storm, new_database())]
    outage = ("tests.outage", "--rate", str(size.rate), "--seconds", str(size.outage))
    yield [Part("outage on PostgreSQL", outage, new_database())]
    yield [Part("races on PostgreSQL", ("tests.races",), new_database())]


class NewDatabase:
    """Makes empty databases in one private server."""

    def __init__(self, url: str) -> None:
        self._server = url.rpartition("/")[0]

    def __call__(self) -> str:
        name = f"prove_{secrets.token_hex(4)}"
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"{self._server}/{name}"


@contextmanager
def _databases() -> Iterator[NewDatabase]:
    with private_postgres(settings=_POSTGRES) as url:
        yield NewDatabase(url)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make prove ARGS=…", description=__doc__)
    parser.add_argument("--seed", type=int, help="of every choice; a random one without, which is printed")
    parser.add_argument("--size", choices=sorted(SIZES), default="full", help="full takes up to ten minutes")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
