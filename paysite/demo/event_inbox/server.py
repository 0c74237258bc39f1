"""Runs the inbox: takes events at `POST /events`, and shows them to people and to tests.

`POST /control` lets it misbehave on purpose, so that one can see what Paysite does about a shop like that: `answer` is
`ok`, `500`, `410` or `slow` (it takes the event and answers a minute later).
"""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from paysite.demo.event_inbox import page
from paysite.demo.event_inbox.signature import is_right
from paysite.demo.event_inbox.store import Received, Store

ANSWERS: Final = ("ok", "500", "410", "slow")
_HOST: Final = "127.0.0.1"
_SLOW_SECONDS: Final = 60.0
_LONGEST_EVENT: Final = 256 * 1024
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    # Not "no-referrer", with which browsers do not say where a form came from (Origin: null).
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class Inbox:
    """answer: one of ANSWERS, how it treats events at the moment."""

    def __init__(self, store: Store, secret: str, shop_url: str) -> None:
        self.store, self.secret, self.shop_url = store, secret, shop_url
        self.answer = "ok"
        self.stopping = asyncio.Event()


INBOX: Final = web.AppKey("inbox", Inbox)


async def take(request: web.Request) -> web.Response:
    """Check the signature, keep the event, say 204; 400 to what Paysite did not sign."""
    inbox = request.app[INBOX]
    if inbox.answer in {"500", "410"}:
        return web.Response(status=int(inbox.answer), text="This shop misbehaves on purpose.\n")
    body = await request.read()
    verified = is_right(inbox.secret, request.headers, body)
    inbox.store.add(request.headers.get("webhook-id", "")[:255], body, verified=verified)
    if not verified:
        return web.Response(status=400, text="The signature is missing or wrong.\n")
    if inbox.answer == "slow":
        with suppress(TimeoutError):
            await asyncio.wait_for(inbox.stopping.wait(), _SLOW_SECONDS)
    return web.Response(status=204)


async def shown(request: web.Request) -> web.Response:
    inbox = request.app[INBOX]
    events, ever = inbox.store.newest(), inbox.store.ever()
    html = page.rendered(events, ever=ever, answer=inbox.answer, shop_url=inbox.shop_url)
    return web.Response(text=html, content_type="text/html")


async def listed(request: web.Request) -> web.Response:
    """The same for programs: newest first; `ever` says how many there have been."""
    inbox = request.app[INBOX]
    events = [_event(each) for each in inbox.store.newest()]
    return web.json_response({"answer": inbox.answer, "ever": inbox.store.ever(), "events": events})


async def control(request: web.Request) -> web.Response:
    """Set `answer`, by JSON or by the form on the page; never by a page of another site."""
    own = f"http://{request.host}"
    if request.headers.get("Origin", own) != own:
        return web.json_response({"error": "Only from this inbox's own page."}, status=403)
    is_form = request.content_type == "application/x-www-form-urlencoded"
    answer = (await request.post()).get("answer") if is_form else _member(await request.read(), "answer")
    if str(answer) not in ANSWERS:
        return web.json_response({"error": f"'answer' is one of: {', '.join(ANSWERS)}."}, status=400)
    request.app[INBOX].answer = str(answer)
    return web.Response(status=303, headers={"Location": "/"}) if is_form else web.json_response({"answer": answer})


def _event(received: Received) -> dict[str, Any]:
    return {name: value for name, value in received._asdict().items() if name != "position"}


def _member(body: bytes, name: str) -> Any:
    with suppress(ValueError, RecursionError):
        document = json.loads(body)
        return document.get(name) if isinstance(document, dict) else None
    return None


@web.middleware
async def own_host(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer under this machine's own names alone, so that no foreign name can be pointed at the inbox."""
    if request.url.host not in {"127.0.0.1", "localhost"}:
        raise web.HTTPMisdirectedRequest
    reply = await handler(request)
    reply.headers.update(_HEADERS)
    return reply


def application(inbox: Inbox) -> web.Application:
    app = web.Application(client_max_size=_LONGEST_EVENT, middlewares=[own_host])
    app[INBOX] = inbox
    app.add_routes(
        [
            web.post("/events", take),
            web.get("/", shown),
            web.get("/events.json", listed),
            web.post("/control", control),
            *(web.get(f"/{name}", page.file(name)) for name in page.FILES),
        ]
    )
    return app


async def serve(port: int, database: Path, secret: str, shop_url: str) -> None:
    """Serve until SIGTERM or SIGINT; raises OSError where the port is not to be had."""
    store = Store(database)
    inbox = Inbox(store, secret, shop_url)
    runner = web.AppRunner(application(inbox), access_log=None, shutdown_timeout=3)
    try:
        await runner.setup()
        await web.TCPSite(runner, _HOST, port).start()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, inbox.stopping.set)
        print(f"The demo shop's inbox listens on http://{_HOST}:{runner.addresses[0][1]}", flush=True)
        await inbox.stopping.wait()
    finally:
        await runner.cleanup()
        store.close()
