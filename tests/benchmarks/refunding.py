"""Measures how fast refunds are requested over the API and then made, and checks each with the gateway's own ledger."""

import json
import sqlite3
import time
from typing import Any, Final

from paysite.running.ready import Probe
from tests.benchmarks.accepting import Pace, WrongResultError, load
from tests.benchmarks.programs import cluster, gateway, running, web_running
from tests.benchmarks.scene import Scene
from tests.benchmarks.settling import DATABASE, PATIENCE_SECONDS

_PAID: Final = "SELECT array_agg(id) FROM (SELECT id FROM payments_payment WHERE status = 'success' LIMIT {}) AS chosen"
_STANDING: Final = """
    SELECT (SELECT count(*) FROM refunds_refund WHERE state <> 'succeeded'),
           (SELECT min(sent_at) FROM refunds_refundattempt), (SELECT max(finished_at) FROM refunds_refund)
"""
_OURS: Final = "SELECT id, payment_id, amount, gateway_reference FROM refunds_refund ORDER BY id"
_THEIRS: Final = "SELECT key, reference, amount, id FROM refunds WHERE status = 'succeeded' ORDER BY key"
_BODY: Final = json.dumps({"amount": 1.00, "reason": "customer_request"})
_HEAD: Final = (
    "POST /api/payments/{payment}/refunds HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
    "Idempotency-Key: refund-{payment}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


def refunding(scene: Scene, pace: Pace, refunds: int, latency_ms: float) -> dict[str, Any]:
    """Return the figures of refunding a part of `refunds` payments that were settled before."""
    paid = scene.ask(DATABASE, _PAID.format(refunds))
    probe = Probe("gateway", "127.0.0.1", scene.gateway_port, "/v1/health")
    with running(gateway(scene, latency_ms), probe=probe):
        with web_running(scene, DATABASE) as (port, _):
            wanted = scene.folder / "refunds.jsonl"
            wanted.write_text("\n".join(json.dumps(_request(scene, payment, port)) for payment in paid) + "\n")
            requested = load(scene, port, pace, "--requests", str(wanted), "--status", "202")
        made = _made(scene, len(paid))
    _check(scene, len(paid))
    return {"refunds": len(paid), "requestedPerSecond": requested["perSecond"], "perSecond": made}


def _request(scene: Scene, payment: str, port: int) -> str:
    return _HEAD.format(payment=payment, port=port, key=scene.api_key, length=len(_BODY)) + _BODY


def _made(scene: Scene, count: int) -> float:
    from payments.services.wake import wake

    with running(cluster()):
        wake()  # as the supervisor does
        ends = time.monotonic() + PATIENCE_SECONDS
        while True:
            left, first, last = scene.ask(DATABASE, _STANDING)
            if not left:
                return float(count / (last - first).total_seconds())
            if time.monotonic() > ends:
                raise WrongResultError(f"{left} refunds were not made after {PATIENCE_SECONDS:.0f} s.")
            time.sleep(0.2)


def _check(scene: Scene, count: int) -> None:
    import psycopg

    with psycopg.connect(scene.database(DATABASE)) as connection:
        ours = connection.execute(_OURS).fetchall()
    with sqlite3.connect(f"file:{scene.folder / 'gateway.sqlite3'}?mode=ro", uri=True) as ledger:
        theirs = ledger.execute(_THEIRS).fetchall()
    if len(ours) != count or ours != theirs:
        wrong = sorted(set(ours).symmetric_difference(theirs))[:5]
        raise WrongResultError(f"{count} refunds, {len(ours)} rows, {len(theirs)} at the gateway; first: {wrong}")
