"""Measures how fast payments are accepted, and replayed, over real HTTP through the real web server."""

import json
import subprocess
import sys
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from django.conf import settings

from tests.benchmarks.limit import Limit
from tests.benchmarks.processor import Meter
from tests.benchmarks.programs import web_running
from tests.benchmarks.scene import Scene

# Payments whose requests are sent over and over to measure replays.
REPLAYED: Final = 500
_ROWS: Final = """
    SELECT (SELECT count(*) FROM payments_payment WHERE status = 'pending'),
           (SELECT count(*) FROM payments_order),
           (SELECT count(*) FROM payments_idempotencyrecord),
           (SELECT count(*) FROM payments_auditentry WHERE action = 'payment.accepted')
"""


class WrongResultError(Exception):
    """What was counted is not what the database or the gateway holds: the figures are worthless."""


@dataclass(frozen=True, slots=True)
class Pace:
    """seconds: how long each measurement takes. rounds: how often accepting and the database's limit alternate."""

    seconds: float
    rounds: int
    connections: int


def accepting(scene: Scene, limit: Limit, pace: Pace) -> dict[str, Any]:
    """Return the figures of accepting; raise WrongResultError unless every answer has its rows."""
    rounds, answers, transactions = [], 0, 0
    with web_running(scene, "accepting") as (port, pid):
        # Every process of the web server connects and prepares its statements before it is measured.
        answers += load(scene, port, pace, "--count", "1000")["answers"]
        for _ in range(pace.rounds):
            scene.checkpoint()
            meter = Meter({"web": pid, "database": scene.postmaster})
            ours = load(scene, port, pace, "--seconds", str(pace.seconds))
            cores = meter.cores() | {"loadGenerator": ours["cores"]}
            scene.checkpoint()
            theirs = limit.accept(pace.seconds)
            answers, transactions = answers + ours["answers"], transactions + theirs.transactions
            rounds.append(ours | {"limitPerSecond": theirs.per_second, "cores": cores})
        scene.checkpoint()
        replayed = load(scene, port, pace, "--seconds", str(pace.seconds), "--replay", str(REPLAYED))
    _demand_rows(scene, "accepting", answers + REPLAYED)
    _demand_rows(scene, "limit", transactions)
    return {"accept": summary(rounds), "replay": replayed, "accepted": answers + REPLAYED}


def load(scene: Scene, port: int, pace: Pace, *arguments: str) -> dict[str, Any]:
    """Run the load generator and return what it saw."""
    command = [sys.executable, "-m", "tests.benchmarks.load", "--port", str(port), "--api-key", scene.api_key]
    done = subprocess.run(
        [*command, "--connections", str(pace.connections), *arguments],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise WrongResultError(f"The load generator gave up:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of the rounds, with each round's ratio to the limit measured right beside it."""
    for each in rounds:
        each["ratio"] = each["perSecond"] / each["limitPerSecond"]
    numbers = [name for name, value in rounds[0].items() if isinstance(value, float)]
    middle = {name: median(each[name] for each in rounds) for name in numbers}
    cores = {name: median(each["cores"][name] for each in rounds) for name in rounds[0]["cores"]}
    return middle | {"cores": cores, "rounds": rounds}


def _demand_rows(scene: Scene, database: str, payments: int) -> None:
    found = scene.ask(database, _ROWS)
    if found != (payments,) * 4:
        raise WrongResultError(
            f"{payments} payments were accepted in {database}, which has {found} payments, orders, keys, audit entries."
        )
