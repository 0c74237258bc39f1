"""The HTTP API of the sandbox gateway, /v1/…: Bearer secret, JSON in and out.

Every answer goes through `_respond`, where an armed fault may spoil it.
"""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import web

from payments.gateways.sandbox import charges
from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.breakage import KINDS, Acts
from payments.gateways.sandbox.charge import as_object
from payments.gateways.sandbox.charges import Made
from payments.gateways.sandbox.clock import now_ms
from payments.gateways.sandbox.faults import Fault
from payments.gateways.sandbox.orders import read_order
from payments.gateways.sandbox.scenarios import Scenario, verdict_of
from payments.gateways.sandbox.senders import Exchange, close, sent
from payments.gateways.sandbox.state import SANDBOX, Sandbox

_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class _Work:
    """What a request asks for. run: do it, that many seconds from now.

    For a charge alone: twice: do it two times. decline: decline it, that many seconds from now, with this verdict.
    """

    run: Callable[[float], Awaitable[Made]]
    twice: Callable[[], Awaitable[Made]] | None = None
    decline: Callable[[float, Scenario], Awaitable[Made]] | None = None


def authorised(request: web.Request) -> bool:
    given = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(given, f"Bearer {request.app[SANDBOX].config.secret}".encode())


def unauthorised() -> Answer:
    return refused(401, "unauthorised", "The secret is missing or wrong.", kind="authentication_error")


async def create_charge(request: web.Request) -> web.StreamResponse:
    """POST /v1/charges with an Idempotency-Key."""
    sandbox = request.app[SANDBOX]
    if not authorised(request):
        return sent(unauthorised())
    try:
        body = await request.read()
    except ConnectionError:
        # The client went in the middle of its request: nothing is done, and nobody hears of it.
        return web.Response(status=400)
    order = read_order(body, request.headers.get("Idempotency-Key", ""), sandbox.config)
    if isinstance(order, Answer):
        return sent(order)
    sandbox.store.log_request(order, now_ms())
    origin = f"http://{request.host}"
    work = _Work(
        run=lambda wait: charges.create(sandbox, order, origin, wait=wait),
        twice=lambda: charges.create_twice(sandbox, order, origin),
        decline=lambda wait, verdict: charges.create(sandbox, order, origin, wait=wait, verdict=verdict),
    )
    fault = sandbox.faults.match("charge", token=order.token, reference=order.reference, key=order.key)
    return await _respond(request, fault, work)


async def read_charge(request: web.Request) -> web.StreamResponse:
    """GET /v1/charges/{id}."""
    sandbox, charge_id = request.app[SANDBOX], request.match_info["id"]

    def found() -> Answer:
        charge = sandbox.store.charge(charge_id)
        return charges.not_found() if charge is None else answer(200, as_object(charge))

    return await question(request, "look_up", found)


async def list_charges(request: web.Request) -> web.StreamResponse:
    """GET /v1/charges: by `idempotency_key` or else by `reference` (look-ups), or all; newest first, by cursor."""
    query = request.query
    reference, key = query.get("reference", ""), query.get("idempotency_key", "")
    operation = "look_up" if "idempotency_key" in query or "reference" in query else "list"
    return await question(request, operation, lambda: _page(request), reference=reference, key=key)


def limit_in(query: Mapping[str, str]) -> int | Answer:
    """Return how many rows a page is to have, or the 400 that says what is wrong with `limit`."""
    text = query.get("limit", "10")
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _MOST:
        return int(text)
    return refused(400, "parameter_invalid", f"'limit' is 1 to {_MOST}.", param="limit")


def _page(request: web.Request) -> Answer:
    """Return one page: `limit` (10) charges, older than `starting_after`."""
    store, query = request.app[SANDBOX].store, request.query
    limit = limit_in(query)
    if isinstance(limit, Answer):
        return limit
    before = None
    if "starting_after" in query:
        before = store.position(query["starting_after"])
        if before is None:
            return refused(400, "parameter_invalid", "There is no such charge.", param="starting_after")
    if "idempotency_key" in query:
        found = store.charges_by_key(query["idempotency_key"], before=before, limit=limit + 1)
    elif "reference" in query:
        found = store.charges_by_reference(query["reference"], before=before, limit=limit + 1)
    else:
        found = store.all_charges(before=before, limit=limit + 1)
    data = [as_object(charge) for charge in found[:limit]]
    return answer(200, {"object": "list", "data": data, "has_more": len(found) > limit})


async def cancel_charge(request: web.Request) -> web.StreamResponse:
    """POST /v1/charges/{id}/cancel: void, confirmed in the answer."""
    sandbox, charge_id = request.app[SANDBOX], request.match_info["id"]
    return await question(request, "cancel", lambda: charges.cancel(sandbox, charge_id))


async def balance(request: web.Request) -> web.StreamResponse:
    """GET /v1/balance: minor units per currency."""
    sandbox = request.app[SANDBOX]
    available = [{"currency": code, "amount": amount} for code, amount in sandbox.store.balance().items()]
    return await question(request, "list", lambda: answer(200, {"object": "balance", "available": available}))


async def health(request: web.Request) -> web.StreamResponse:
    """GET /v1/health; needs no secret."""
    name = request.app[SANDBOX].config.name
    work = _Work(run=lambda wait: _after(wait, lambda: answer(200, {"status": "ok", "name": name})))
    return await _respond(request, request.app[SANDBOX].faults.match("health"), work)


async def question(
    request: web.Request, operation: str, act: Callable[[], Answer], *, reference: str = "", key: str = ""
) -> web.StreamResponse:
    """Answer what `act` says to whoever has the secret, unless a fault armed for `operation` spoils it."""
    if not authorised(request):
        return sent(unauthorised())
    fault = request.app[SANDBOX].faults.match(operation, reference=reference, key=key)
    return await _respond(request, fault, _Work(run=lambda wait: _after(wait, act)))


async def _after(wait: float, act: Callable[[], Answer]) -> Made:
    if wait:
        await asyncio.sleep(wait)
    return Made(act())


async def _respond(request: web.Request, fault: Fault | None, work: _Work) -> web.StreamResponse:
    sandbox = request.app[SANDBOX]
    if fault is None:
        made = await work.run(sandbox.latency)
        if not made.lost:
            return sent(made.answer)
        return await close(Exchange(request, sandbox, Fault("", "", ""), made.answer))
    made = await _executed(sandbox, fault, work)
    breakage = KINDS[fault.kind]
    # An answer that its scenario loses is lost under a fault, too.
    send = close if made.lost and breakage.lets_answer_through else breakage.send
    return await send(Exchange(request, sandbox, fault, made.answer))


async def _executed(sandbox: Sandbox, fault: Fault, work: _Work) -> Made:
    """Do what `fault` lets the gateway do before it misbehaves."""
    breakage, wait = KINDS[fault.kind], sandbox.latency + fault.params.get("delay_ms", 0) / 1000
    acts = breakage.acts
    if acts in {Acts.IF_TOLD, Acts.UNLESS_TOLD}:
        acts = Acts.YES if fault.params.get("execute", acts is Acts.UNLESS_TOLD) else Acts.NO
    if acts is Acts.TWICE and work.twice is not None:
        await asyncio.sleep(wait)
        return await work.twice()
    if acts is Acts.DECLINE and work.decline is not None:
        return await work.decline(wait, verdict_of(fault.params))
    if acts in {Acts.YES, Acts.TWICE, Acts.DECLINE}:
        return await work.run(wait)
    if acts is Acts.LATE:
        task = asyncio.ensure_future(work.run(fault.params.get("seconds", 5)))
        sandbox.tasks.add(task)
        task.add_done_callback(sandbox.tasks.discard)
    await asyncio.sleep(wait)
    return Made(refused(500, "not_executed", "A fault kept this request from being executed.", kind="api_error"))
