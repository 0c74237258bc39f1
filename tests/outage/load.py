"""One outage under load from beginning to end: the whole site, clients that pay all along, and what came of it."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.outage.database import Database
from tests.outage.figures import Evidence, OutageResult, result_of
from tests.outage.timeline import Timeline
from tests.storm.observer import Observer
from tests.storm.plan import Order
from tests.storm.run import Scene, prepare, set_scene, settle, trading
from tests.storm.stack import running
from tests.support.processes import wait_until

# Seconds for which each client asks for the outcome in its request (`Prefer: wait`).
WAIT: Final = 4
# Seconds in which the queue must have drained, and for how many its waiting orders look in a second: in life they look
# every 20 to 40 seconds. What may be charged in a second is not changed.
_DRAIN_WITHIN: Final = 90.0
_HURRY: Final = 4.0
# The clients' last tries.
_AFTERWARDS: Final = 45.0


def run(rate: int, seconds: float, database_url: str, folder: Path) -> OutageResult:
    """Pay `rate` times a second for `seconds` while gateways fail; return the figures. Raises StormError.

    database_url: an empty PostgreSQL database, or empty for the embedded one in `folder`.
    """
    scene = set_scene(database_url, folder, **_settings(rate, seconds))
    orders = _orders(rate, seconds)
    (folder / "orders.json").write_text(json.dumps([asdict(order) for order in orders]))
    (folder / "api-key").write_text(prepare(scene))
    database = Database(scene.database_url)
    database.trust([f"customer-{order.client}" for order in orders if order.client.startswith("trusted")])
    with running(folder, scene.environment, scene.addresses) as stack:
        timeline = Timeline(stack, database, seconds)
        counted = _under_load(scene, timeline)
        drained = _drain(database)
        paid = database.payments()
        stack.stop()
        quiet = settle(scene)
        evidence = Evidence(scene.database_url, stack.ledgers, folder / "history.jsonl", stack.inbox_log)
    return result_of(timeline, evidence, paid, counted, {**quiet, "drained": drained, "rate": rate})


def _settings(rate: int, seconds: float) -> dict[str, str]:
    """Return an environment in which minutes of an outage fit into `seconds`."""
    return {
        "PAYSITE_BREAKER_SECONDS": str(max(1, round(seconds / 12))),
        "PAYSITE_PROCESSING_TRIES": "3",
        "PAYSITE_MAX_RETRIES": "2",
        # The queue drains at half the normal rate at most.
        "PAYSITE_DRAIN_PER_SECOND": str(max(1, rate // 2)),
        "PAYSITE_SETTLE_LOOPS": "1",
        "PAYSITE_PAYMENT_EXPIRY_MINUTES": "1440",
    }


def _orders(rate: int, seconds: float) -> list[Order]:
    """Return orders at even distances, every other one of a trusted customer."""
    return [
        Order(
            client=f"{'trusted' if number % 2 else 'new'}-{number:05d}",
            at=round(number / rate, 3),
            amount=50 + number % 100,
            currency="USD",
            token="tok_success",
            customer="approve",
            keys=(f"outage-{number:05d}",),
            twice=False,
            polls=False,
            wait=WAIT,
        )
        for number in range(int(rate * seconds))
    ]


def _under_load(scene: Scene, timeline: Timeline) -> Mapping[str, Any]:
    observer = Observer(scene.database_url)
    wait_until(lambda: (observer.beat_age() or 99.0) < 5, seconds=30, what="a settle loop")
    with trading(scene) as clients:
        timeline.run(lambda: None)
        until = time.monotonic() + _AFTERWARDS
        while clients.poll() is None and time.monotonic() < until:
            time.sleep(0.05)
        if clients.poll() is None:
            clients.terminate()
        output, _ = clients.communicate(timeout=30)
    counted: dict[str, Any] = json.loads(output)
    return counted


def _drain(database: Database) -> float:
    """Wait until no accepted order waits for a gateway; return for how many seconds they took, -1 if too long."""
    began = time.monotonic()
    while database.queued():
        if time.monotonic() - began > _DRAIN_WITHIN:
            return -1.0
        database.hurry_queue(_HURRY / 2)
        time.sleep(0.5)
    return round(time.monotonic() - began, 1)
