"""How a request of the sandbox gateway's API is answered: for whoever has the secret, and spoiled by an armed fault."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from payments.gateways.sandbox.answers import Answer, answer, refused
from payments.gateways.sandbox.breakage import KINDS, Acts
from payments.gateways.sandbox.faults import Fault
from payments.gateways.sandbox.once import Made
from payments.gateways.sandbox.senders import Exchange, close, sent
from payments.gateways.sandbox.state import SANDBOX, Sandbox

_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Work:
    """What a request asks for. run: do it, that many seconds from now.

    For a charge or refund alone: twice: do it two times; rule: do it with the end that the fault says.
    """

    run: Callable[[float], Awaitable[Made]]
    twice: Callable[[], Awaitable[Made]] | None = None
    rule: Callable[[float, Fault], Awaitable[Made]] | None = None


def authorised(request: web.Request) -> bool:
    given = request.headers.get("Authorization", "").encode()
    return hmac.compare_digest(given, f"Bearer {request.app[SANDBOX].config.secret}".encode())


def unauthorised() -> Answer:
    return refused(401, "unauthorised", "The secret is missing or wrong.", kind="authentication_error")


async def body_of(request: web.Request) -> bytes | web.Response:
    """Return the body of a request of whoever has the secret, or what to answer at once."""
    if not authorised(request):
        return sent(unauthorised())
    try:
        return await request.read()
    except ConnectionError:
        # The client went in the middle of its request: nothing is done, and nobody hears of it.
        return web.Response(status=400)


async def question(
    request: web.Request, operation: str, act: Callable[[], Answer], *, reference: str = "", key: str = ""
) -> web.StreamResponse:
    """Answer what `act` says to whoever has the secret, unless a fault armed for `operation` spoils it."""
    if not authorised(request):
        return sent(unauthorised())
    fault = request.app[SANDBOX].faults.match(operation, reference=reference, key=key)
    return await respond(request, fault, Work(run=lambda wait: after(wait, act)))


async def after(wait: float, act: Callable[[], Answer]) -> Made:
    if wait:
        await asyncio.sleep(wait)
    return Made(act())


def limit_in(query: Mapping[str, str]) -> int | Answer:
    """Return how many rows a page is to have, or the 400 that says what is wrong with `limit`."""
    text = query.get("limit", "10")
    if text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= _MOST:
        return int(text)
    return refused(400, "parameter_invalid", f"'limit' is 1 to {_MOST}.", param="limit")


def page_of(
    query: Mapping[str, str],
    position: Callable[[str], int | None],
    find: Callable[[int | None, int], Sequence[dict[str, Any]]],
) -> Answer:
    """Return one page: `limit` (10) objects, newest first, older than the one with the id `starting_after`.

    position: the row of an id; find: the objects older than a row, so many at most.
    """
    limit = limit_in(query)
    if isinstance(limit, Answer):
        return limit
    before = None
    if "starting_after" in query:
        before = position(query["starting_after"])
        if before is None:
            return refused(400, "parameter_invalid", "There is no such object.", param="starting_after")
    found = find(before, limit + 1)
    return answer(200, {"object": "list", "data": found[:limit], "has_more": len(found) > limit})


async def respond(request: web.Request, fault: Fault | None, work: Work) -> web.StreamResponse:
    """Do the work and answer, both as `fault` lets the gateway; without one in health."""
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


async def _executed(sandbox: Sandbox, fault: Fault, work: Work) -> Made:
    """Do what `fault` lets the gateway do before it misbehaves."""
    breakage, wait = KINDS[fault.kind], sandbox.latency + fault.params.get("delay_ms", 0) / 1000
    acts = breakage.acts
    if acts in {Acts.IF_TOLD, Acts.UNLESS_TOLD}:
        acts = Acts.YES if fault.params.get("execute", acts is Acts.UNLESS_TOLD) else Acts.NO
    if acts is Acts.TWICE and work.twice is not None:
        await asyncio.sleep(wait)
        return await work.twice()
    if acts is Acts.RULED and work.rule is not None:
        return await work.rule(wait, fault)
    if acts in {Acts.YES, Acts.TWICE, Acts.RULED}:
        return await work.run(wait)
    if acts is Acts.LATE:
        task = asyncio.ensure_future(work.run(fault.params.get("seconds", 5)))
        sandbox.tasks.add(task)
        task.add_done_callback(sandbox.tasks.discard)
    await asyncio.sleep(wait)
    return Made(refused(500, "not_executed", "A fault kept this request from being executed.", kind="api_error"))
