"""Measures how fast accepted payments are settled, with a gateway that takes its time, and checks every one of them."""

import sqlite3
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, NamedTuple

from paysite.running.ready import Probe
from tests.benchmarks.accepting import Pace, WrongResultError, load, summary
from tests.benchmarks.limit import Limit
from tests.benchmarks.processor import Meter
from tests.benchmarks.programs import cluster, gateway, running, web_running
from tests.benchmarks.scene import Scene

DATABASE: Final = "paysite"
# Longer than any backlog of this benchmark takes: then something is wrong.
PATIENCE_SECONDS: Final = 300.0
# From the first attempt committed to the last payment closed.
_SPAN: Final = """
    SELECT (SELECT count(*) FROM payments_payment WHERE status <> 'success'),
           (SELECT min(sent_at) FROM payments_attempt WHERE sent_at >= '{since}'),
           (SELECT max(processed_at) FROM payments_payment)
"""
_PAYMENTS: Final = """
    SELECT payment.id, payment.amount, payment.currency, payment.status, attempt.gateway_reference, attempt.state,
           posting.amount
      FROM payments_payment payment
      LEFT JOIN payments_attempt attempt ON attempt.payment_id = payment.id
      LEFT JOIN payments_ledgerposting posting ON posting.entity_id = attempt.id
     ORDER BY payment.id
"""
_CHARGES: Final = "SELECT reference, amount, currency, status, id FROM charges ORDER BY reference"


class Span(NamedTuple):
    """How many payments are left, and from when to when the attempts and payments of this round took."""

    left: int
    first: datetime
    last: datetime


def settling(scene: Scene, limit: Limit, pace: Pace, payments: int, latency_ms: float) -> dict[str, Any]:
    """Return the figures of settling `payments` a round; raise WrongResultError unless each was charged once."""
    rounds = []
    probe = Probe("gateway", "127.0.0.1", scene.gateway_port, "/v1/health")
    with running(gateway(scene, latency_ms), probe=probe) as pids:
        for _ in range(pace.rounds):
            with web_running(scene, DATABASE) as (port, _):
                load(scene, port, pace, "--count", str(payments))
            ours = _settled(scene, pids["gateway"], payments)
            scene.checkpoint()
            rounds.append(ours | {"limitPerSecond": limit.settle(payments).per_second})
    return {"settle": summary(rounds), "checks": checked(scene, payments * pace.rounds)}


def _settled(scene: Scene, gateway_pid: int, payments: int) -> dict[str, Any]:
    from payments.services.wake import wake

    since = scene.ask(DATABASE, "SELECT clock_timestamp()")
    scene.checkpoint()
    with running(cluster()) as pids:
        wake()  # as the supervisor's watchdog does; the loops that the accepted requests asked for are queued as well
        _await(scene, since, lambda span: span.first is not None, every=0.05)
        meter = Meter(pids | {"gateway": gateway_pid, "database": scene.postmaster})
        span = _await(scene, since, lambda span: span.left == 0, every=0.5)
        cores = meter.cores()
    return {"perSecond": payments / (span.last - span.first).total_seconds(), "cores": cores}


def _await(scene: Scene, since: datetime, condition: Callable[[Span], bool], *, every: float) -> Span:
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        span = Span(*scene.ask(DATABASE, _SPAN.format(since=since.isoformat())))
        if condition(span):
            return span
        if time.monotonic() > ends:
            raise WrongResultError(f"{span.left} payments were not successful after {PATIENCE_SECONDS:.0f} s.")
        time.sleep(every)


def checked(scene: Scene, payments: int) -> dict[str, int]:
    """Compare our books with the gateway's own ledger, row by row; return what was found equal."""
    import psycopg

    with psycopg.connect(scene.database(DATABASE)) as connection:
        ours = connection.execute(_PAYMENTS).fetchall()
    with sqlite3.connect(f"file:{scene.folder / 'gateway.sqlite3'}?mode=ro", uri=True) as ledger:
        charges = ledger.execute(_CHARGES).fetchall()
    expected = [
        (payment, amount, currency, "success", charge, "succeeded", amount)
        for payment, amount, currency, status, charge in charges
        if status == "succeeded"
    ]
    if len(ours) != payments or ours != expected:
        wrong = sorted(set(ours).symmetric_difference(expected))[:5]
        raise WrongResultError(
            f"{payments} payments, {len(ours)} rows with attempts and postings, {len(charges)} charges; first: {wrong}"
        )
    return {"payments": len(ours), "charges": len(charges)}
