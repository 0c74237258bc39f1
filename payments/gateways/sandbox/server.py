"""Runs one sandbox gateway: its routes, its listening socket with outages, and a clean end.

At SIGTERM or SIGINT it stops listening, lets requests in flight finish (hung ones are dropped at once), commits and
leaves.
"""

import asyncio
import signal
from typing import Final

from aiohttp import web

from payments.gateways.sandbox import (
    api,
    challenge,
    control,
    dispute_control,
    event_control,
    event_list,
    pages,
    refund_api,
    refund_control,
)
from payments.gateways.sandbox.config import Config
from payments.gateways.sandbox.state import SANDBOX, Sandbox
from payments.gateways.sandbox.store import Store
from payments.gateways.sandbox.vault import Vault
from payments.gateways.sandbox.webhooks import sending

# Longer than clients keep idle connections, so that it is always the client who closes one.
_KEEP_ALIVE: Final = 3600.0
_GRACE: Final = 10.0
_HOST: Final = "127.0.0.1"


def application(sandbox: Sandbox) -> web.Application:
    app = web.Application(client_max_size=256 * 1024)
    app[SANDBOX] = sandbox
    app.add_routes(
        [
            web.post("/v1/charges", api.create_charge),
            web.get("/v1/charges", api.list_charges),
            web.get("/v1/charges/{id}", api.read_charge),
            web.post("/v1/charges/{id}/cancel", api.cancel_charge),
            web.post("/v1/refunds", refund_api.create_refund),
            web.get("/v1/refunds", refund_api.list_refunds),
            web.get("/v1/refunds/{id}", refund_api.read_refund),
            web.get("/v1/disputes/{id}", refund_api.read_dispute),
            web.get("/v1/events", event_list.list_events),
            web.get("/v1/balance", api.balance),
            web.get("/v1/health", api.health),
            web.post("/v1/tokens", pages.mint_token),
            web.get("/fields", pages.fields),
            web.get("/card", pages.card),
            web.post("/card", pages.card_posted),
            web.get("/3ds/{id}", challenge.shown),
            web.post("/3ds/{id}", challenge.posted),
            web.get("/", pages.front),
            web.get("/control/faults", control.guarded(control.show_faults)),
            web.post("/control/faults", control.guarded(control.arm_faults)),
            web.delete("/control/faults", control.guarded(control.clear_faults)),
            web.post("/control/latency", control.guarded(control.set_latency)),
            web.post("/control/challenge_life", control.guarded(control.set_challenge_life)),
            web.get("/control/ledger", control.guarded(control.ledger)),
            web.get("/control/requests", control.guarded(control.requests)),
            web.post("/control/refunds", control.guarded(refund_control.make_refund)),
            web.post("/control/refunds/{id}/fail", control.guarded(refund_control.fail_refund)),
            web.post("/control/refunds/{id}/succeed", control.guarded(refund_control.succeed_refund)),
            web.post("/control/refund_days", control.guarded(refund_control.set_refund_days)),
            web.post("/control/charges/{id}/age", control.guarded(refund_control.age_charge)),
            web.post("/control/disputes", control.guarded(dispute_control.open_dispute)),
            web.post("/control/disputes/{id}/close", control.guarded(dispute_control.close_dispute)),
            web.get("/control/events", control.guarded(event_control.show_events)),
            web.post("/control/events", control.guarded(event_control.emit_event)),
            web.post("/control/events/{id}/resend", control.guarded(event_control.resend_event)),
        ]
    )
    return app


async def serve(config: Config) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError where the port is not to be had."""
    store = Store(config.database, config.challenge_life, sends_events=bool(config.webhook_url))
    vault = Vault(config.vault or config.database)
    vault.take_over(config.database)
    sandbox = Sandbox(config, store, vault)
    runner = web.AppRunner(
        application(sandbox), access_log=None, keepalive_timeout=_KEEP_ALIVE, shutdown_timeout=_GRACE
    )
    try:
        await runner.setup()
        site = web.TCPSite(runner, _HOST, config.port, backlog=1024)
        await site.start()
        port = int(runner.addresses[0][1])
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, sandbox.stopping.set)
        print(f"Sandbox gateway ({config.name}) listens on http://{_HOST}:{port}", flush=True)
        async with sending(sandbox):
            await _until_stopped(sandbox, runner, site, port)
    finally:
        for task in sandbox.tasks:
            task.cancel()
        await runner.cleanup()
        store.close()
        vault.close()


async def _until_stopped(sandbox: Sandbox, runner: web.AppRunner, site: web.TCPSite, port: int) -> None:
    """Wait for the end, and for outages, during which nobody listens and every open connection is dropped."""
    stopping = asyncio.ensure_future(sandbox.stopping.wait())
    while not stopping.done():
        outage = asyncio.ensure_future(sandbox.outage_asked.wait())
        await asyncio.wait((stopping, outage), return_when=asyncio.FIRST_COMPLETED)
        outage.cancel()
        if stopping.done():
            return
        sandbox.outage_asked.clear()
        # The answer to the request that asked for the outage leaves first.
        await asyncio.sleep(0.05)
        await site.stop()
        for connection in list(runner.server.connections if runner.server else []):
            connection.force_close()
        await asyncio.wait((stopping,), timeout=sandbox.outage_seconds)
        site = web.TCPSite(runner, _HOST, port, backlog=1024)
        await site.start()
