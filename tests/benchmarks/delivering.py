"""Measures how fast events are delivered to one shop's endpoint, and checks that each arrived."""

import sys
import time
from typing import Any, Final

import requests
from django.db import connections

from paysite.running.plan import log_file
from paysite.running.ready import Probe
from paysite.supervisor import Program
from tests.benchmarks.accepting import WrongResultError
from tests.benchmarks.programs import cluster, running
from tests.benchmarks.scene import Scene
from tests.benchmarks.settling import DATABASE, PATIENCE_SECONDS
from tests.support.processes import free_port

_STANDING: Final = """
    SELECT count(*) FILTER (WHERE state <> 'delivered'), min(delivered_at), max(delivered_at)
      FROM payments_delivery
"""


def delivering(scene: Scene, events: int) -> dict[str, Any]:
    """Return the figures of delivering up to `events` of those that the settled payments made."""
    port = free_port()
    receiver = Program(
        name="receiver",
        command=[sys.executable, "-m", "tests.support.receiver", "--port", str(port)],
        log=log_file("receiver"),
    )
    with running(receiver, probe=Probe("receiver", "127.0.0.1", port, "/")):
        count = _deliveries(scene, port, events)
        with running(cluster()):
            ours = _delivered(scene, count)
        seen = requests.get(f"http://127.0.0.1:{port}/", timeout=10).json()
    if seen["ids"] != count:
        raise WrongResultError(f"{count} events were delivered, and {seen} came.")
    return ours | {"events": count, "repeated": seen["posts"] - count}


def _deliveries(scene: Scene, port: int, events: int) -> int:
    from payments.audit import Because
    from payments.clock import database_now
    from payments.services import endpoints, publish
    from payments.services.redeliver import redeliver

    while publish.publish():
        pass
    because = Because("operator:benchmark", "command:bench")
    endpoint = endpoints.create(scene.client_id, f"http://127.0.0.1:{port}/", [], "benchmark", because)
    ids = scene.ask(DATABASE, f"SELECT array_agg(id) FROM (SELECT id FROM payments_event LIMIT {events}) AS chosen")
    count = redeliver(endpoint, because, event_ids=ids, until=database_now())
    connections.close_all()
    return count


def _delivered(scene: Scene, count: int) -> dict[str, Any]:
    from payments.services.wake import wake

    wake()
    connections.close_all()
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        left, first, last = scene.ask(DATABASE, _STANDING)
        if left == 0 and first is not None:
            return {"perSecond": count / max((last - first).total_seconds(), 0.001)}
        if time.monotonic() > ends:
            raise WrongResultError(f"{left} of {count} events were not delivered after {PATIENCE_SECONDS:.0f} s.")
        time.sleep(0.2)
