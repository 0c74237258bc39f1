"""Measures how fast gateways' webhooks are taken in, all in one burst, and when all of them are applied."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import requests
from django.conf import settings
from standardwebhooks import Webhook

from paysite.running.ready import Probe
from tests.benchmarks.accepting import Pace, WrongResultError, load
from tests.benchmarks.programs import cluster, gateway, running, web_running
from tests.benchmarks.scene import Scene
from tests.benchmarks.settling import DATABASE, PATIENCE_SECONDS

_STANDING: Final = """
    SELECT count(*), count(*) FILTER (WHERE state = 'applied'), max(applied_at)
      FROM payments_gatewayevent
"""
_BEATING: Final = "SELECT count(*) FROM payments_settleloop WHERE beat_at > clock_timestamp() - interval '3 seconds'"
_WARM_UP: Final = 200
_HEAD: Final = (
    "POST /webhooks/primary HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    "webhook-id: {id}\r\nwebhook-timestamp: {timestamp}\r\nwebhook-signature: {signature}\r\n"
    "Content-Length: {length}\r\n\r\n"
)


def taking_in(scene: Scene, pace: Pace, events: int) -> dict[str, Any]:
    """Return the figures of a burst of `events` about charges that were settled before, while the cluster runs."""
    from payments.services.wake import wake

    probe = Probe("gateway", "127.0.0.1", scene.gateway_port, "/v1/health")
    with running(gateway(scene, 0), probe=probe):
        bodies = list(_bodies(scene, events + _WARM_UP))
        with web_running(scene, DATABASE) as (port, _), running(cluster()):
            wake()  # as the supervisor does
            _beating(scene)
            # Every process of the web server connects and prepares its statement before it is measured.
            _posted(scene, port, pace, bodies[:_WARM_UP])
            ours = _posted(scene, port, pace, bodies[_WARM_UP:])
            ended_at = scene.ask(DATABASE, "SELECT clock_timestamp()")
            last = _all_applied(scene, len(bodies))
    return ours | {"events": len(bodies) - _WARM_UP, "appliedAfterSeconds": max((last - ended_at).total_seconds(), 0.0)}


def _posted(scene: Scene, port: int, pace: Pace, bodies: list[dict[str, Any]]) -> dict[str, Any]:
    burst = scene.folder / "burst.jsonl"
    burst.write_text("\n".join(json.dumps(_signed(body, port)) for body in bodies) + "\n")
    return load(scene, port, pace, "--requests", str(burst), "--status", "200")


def _beating(scene: Scene) -> None:
    ends = time.monotonic() + PATIENCE_SECONDS
    while scene.ask(DATABASE, _BEATING) < 2:
        if time.monotonic() > ends:
            raise WrongResultError("The loops did not come up.")
        time.sleep(0.2)


def _bodies(scene: Scene, count: int) -> Iterator[dict[str, Any]]:
    """Yield an event about each of the gateway's newest charges, as its API shows them."""
    address, after, left = f"http://127.0.0.1:{scene.gateway_port}/v1/charges?limit=100", "", count
    headers = {"Authorization": f"Bearer {settings.DEMO_GATEWAY_SECRET}"}
    while left > 0:
        page = requests.get(address + after, headers=headers, timeout=10).json()["data"]
        if not page:
            return
        for charge in page[:left]:
            kind = "charge.succeeded"
            yield {"id": f"evt_{charge['id']}", "type": kind, "created": charge["created"], "apiVersion": "1"} | {
                "data": {"object": charge}
            }
        left -= len(page)
        after = f"&starting_after={page[-1]['id']}"


def _signed(event: dict[str, Any], port: int) -> str:
    body, now = json.dumps(event), datetime.now(UTC)
    signature = Webhook(settings.DEMO_WEBHOOK_SECRET).sign(event["id"], now, body)
    told = {"port": port, "id": event["id"], "timestamp": int(now.timestamp()), "signature": signature}
    return _HEAD.format(length=len(body.encode()), **told) + body


def _all_applied(scene: Scene, events: int) -> datetime:
    ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        stored, applied, last = scene.ask(DATABASE, _STANDING)
        if stored == applied == events:
            return last  # type: ignore[no-any-return]
        if time.monotonic() > ends:
            raise WrongResultError(f"Of {events} webhooks {stored} are stored and {applied} applied.")
        time.sleep(0.2)
