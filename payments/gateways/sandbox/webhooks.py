"""Sends the sandbox gateway's events to its one receiver: at least once, signed, until the receiver says 2xx.

Standard Webhooks 1.0. Faults with the operation `webhook` spoil it, aimed at a key, a reference or an event type:
`lose` never sends the event; `repeat` sends it `times` (2); `delay` sends it `seconds` (5) later; `reorder` gathers
what comes within `seconds` (1) and sends it in reverse; `forge` signs with another secret, so that a later try is the
true one; `stale` signs rightly, but `age` (3600) seconds ago; `mute` sends nothing as long as it is armed.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
from standardwebhooks import Webhook

from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.events import GatewayEvent
from payments.gateways.sandbox.faults import Fault
from payments.gateways.sandbox.state import Sandbox

OPERATION: Final = "webhook"
KINDS: Final = ("lose", "repeat", "delay", "reorder", "forge", "stale", "mute")
_HOLDING: Final = frozenset(("delay", "reorder"))
# Seconds between tries; the last one repeats until an event is three days old.
_PAUSES: Final = (1, 2, 5, 15, 60, 300, 900, 3600)
_LIFE_MS: Final = 3 * 24 * 60 * 60 * 1000
_IN_FLIGHT: Final = 16
_ANSWER_SECONDS: Final = 10.0
# How often it is looked whether the customer's time for a 3-D Secure step is over, or a mute.
_LOOK_SECONDS: Final = 0.5
# Nobody's secret: what it signs is forged.
_FORGER: Final = Webhook(b"not the secret of this gateway")


@asynccontextmanager
async def sending(sandbox: Sandbox) -> AsyncIterator[None]:
    """Send events meanwhile, if there is a receiver; without being able to, the gateway stops."""
    if not sandbox.config.webhook_url:
        yield
        return
    task = asyncio.ensure_future(_run(sandbox))
    task.add_done_callback(lambda _: sandbox.stopping.set())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _run(sandbox: Sandbox) -> None:
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    jar = aiohttp.DummyCookieJar()
    session = aiohttp.ClientSession(timeout=timeout, cookie_jar=jar, trust_env=False)
    async with session, asyncio.TaskGroup() as tasks:
        await _Sender(sandbox, session, tasks).run()


class _Sender:
    def __init__(self, sandbox: Sandbox, session: aiohttp.ClientSession, tasks: asyncio.TaskGroup) -> None:
        self._sandbox, self._session, self._tasks = sandbox, session, tasks
        self._events = sandbox.store.events
        self._webhook = Webhook(sandbox.config.webhook_secret)
        self._busy: set[str] = set()
        self._gathered: dict[str, list[GatewayEvent]] = {}

    async def run(self) -> None:
        """Send whatever is due, for ever."""
        while True:
            self._sandbox.store.end_challenges()
            self._sandbox.store.refunds.settle_due()
            self._events.changed.clear()
            self._start_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._events.changed.wait(), self._seconds_to_wait())

    def _seconds_to_wait(self) -> float:
        due = self._events.next_due_ms() if not self._busy else None
        return _LOOK_SECONDS if due is None else min(max(due - now_ms(), 1) / 1000, _LOOK_SECONDS)

    def _start_due(self) -> None:
        for event in self._events.due(now_ms(), len(self._busy) + _IN_FLIGHT):
            if len(self._busy) - self._waiting() >= _IN_FLIGHT:
                break
            if event.id not in self._busy:
                self._busy.add(event.id)
                self._tasks.create_task(self._handle(event))

    def _waiting(self) -> int:
        return sum(map(len, self._gathered.values()))

    async def _handle(self, event: GatewayEvent) -> None:
        """Do with one due event what the faults leave of it."""
        kept = False
        try:
            fault = self._fault(event)
            kept = fault is not None and fault.kind == "reorder"
            if fault is None:
                await self._send(event, self._webhook)
            elif kept:
                self._gather(event, fault)
            else:
                await self._misbehave(event, fault)
        finally:
            if not kept:
                self._done(event)

    def _done(self, event: GatewayEvent) -> None:
        self._busy.discard(event.id)
        self._events.changed.set()

    def _fault(self, event: GatewayEvent) -> Fault | None:
        without = _HOLDING if event.held else frozenset[str]()
        return self._sandbox.faults.match(
            OPERATION, reference=event.reference, key=event.key, type=event.type, without=without
        )

    async def _misbehave(self, event: GatewayEvent, fault: Fault) -> None:
        params = fault.params
        if fault.kind == "lose":
            self._events.tried(event.id, "lost", again_ms=None, delivered=False)
        elif fault.kind == "mute":
            self._events.postpone(event.id, now_ms() + int(_LOOK_SECONDS * 1000))
        elif fault.kind == "delay":
            self._events.hold(event.id, now_ms() + int(params.get("seconds", 5) * 1000))
        elif fault.kind == "repeat":
            for _ in range(int(params.get("times", 2))):
                await self._send(event, self._webhook)
        elif fault.kind == "forge":
            await self._send(event, _FORGER)
        else:
            await self._send(event, self._webhook, age=int(params.get("age", 3600)))

    def _gather(self, event: GatewayEvent, fault: Fault) -> None:
        """Keep an event until all that come soon are sent in reverse; on a restart it is sent as any other."""
        seconds = fault.params.get("seconds", 1)
        self._events.hold(event.id, now_ms() + int(seconds * 1000))
        if fault.id not in self._gathered:
            self._gathered[fault.id] = []
            self._tasks.create_task(self._release(fault.id, seconds))
        self._gathered[fault.id].append(event)

    async def _release(self, fault_id: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        for event in reversed(self._gathered.pop(fault_id)):
            await self._send(event, self._webhook)
            self._done(event)

    async def _send(self, event: GatewayEvent, webhook: Webhook, *, age: int = 0) -> None:
        answer = await self._answer(event, webhook, age)
        delivered = answer.isdigit() and 200 <= int(answer) < 300
        known = self._events.find(event.id)
        tries = known.tries if known else 0
        again = now_ms() + _PAUSES[min(tries, len(_PAUSES) - 1)] * 1000
        over = delivered or again > event.created_ms + _LIFE_MS
        self._events.tried(event.id, answer, again_ms=None if over else again, delivered=delivered)

    async def _answer(self, event: GatewayEvent, webhook: Webhook, age: int) -> str:
        """Send the event once; return the status, or the name of what went wrong."""
        at = datetime.now(UTC) - timedelta(seconds=age)
        headers = {
            "content-type": "application/json",
            "user-agent": "SandboxGateway",
            "webhook-id": event.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": webhook.sign(event.id, at, event.body),
        }
        url, body = self._sandbox.config.webhook_url, event.body.encode()
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as reply:
                return str(reply.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
