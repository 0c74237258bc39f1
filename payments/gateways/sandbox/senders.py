"""How a reply can go wrong on its way: each way of sending one, as an act on the raw connection.

Parameters are those of `POST /control/faults`.
"""

import asyncio
import contextlib
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from payments.gateways.sandbox.answers import Answer, encoded
from payments.gateways.sandbox.faults import Fault
from payments.gateways.sandbox.framing import framed, head
from payments.gateways.sandbox.state import Sandbox

_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request whose answer a fault garbles. `answer` is what a healthy gateway would say."""

    request: web.Request
    sandbox: Sandbox
    fault: Fault
    answer: Answer

    @property
    def params(self) -> dict[str, Any]:
        return self.fault.params

    @property
    def open(self) -> bool:
        transport = self.request.transport
        return transport is not None and not transport.is_closing() and not self.sandbox.stopping.is_set()

    def write(self, data: bytes) -> None:
        if self.request.transport is not None:
            self.request.transport.write(data)

    def close(self) -> web.StreamResponse:
        """Close cleanly: the client sees the end of the stream."""
        if self.request.transport is not None:
            self.request.transport.close()
        return web.Response()


Sender = Callable[[Exchange], Awaitable[web.StreamResponse]]


def sent(answer: Answer) -> web.Response:
    """Return a whole and healthy reply."""
    return web.Response(
        status=answer.status, body=answer.body, content_type="application/json", headers=dict(answer.headers)
    )


async def normal(exchange: Exchange) -> web.StreamResponse:
    return sent(exchange.answer)


async def hang(exchange: Exchange) -> web.StreamResponse:
    """Never answer; ends when the client goes, or this process."""
    while exchange.open:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(exchange.sandbox.stopping.wait(), timeout=0.2)
    return exchange.close()


async def close(exchange: Exchange) -> web.StreamResponse:
    return exchange.close()


async def reset(exchange: Exchange) -> web.StreamResponse:
    """Answer with a TCP reset."""
    transport = exchange.request.transport
    if transport is not None:
        raw = transport.get_extra_info("socket")
        # Lingering for zero seconds makes the kernel send RST instead of FIN.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


async def status(exchange: Exchange) -> web.StreamResponse:
    """Answer `status` (500) with `headers`, and `body`: an object, or text as it is; an error document without."""
    code, body = int(exchange.params.get("status", 500)), exchange.params.get("body")
    if body is None:
        body = {"error": {"type": "api_error", "code": f"status_{code}", "message": f"Fault: status {code}."}}
    raw = body.encode() if isinstance(body, str) else encoded(body)
    headers = {"Content-Type": "application/json", **exchange.params.get("headers", {})}
    return web.Response(status=code, body=raw, headers=headers)


async def html(_exchange: Exchange) -> web.StreamResponse:
    page = "<!doctype html><title>Please wait</title><h1>Checking your browser</h1>"
    return web.Response(text=page, content_type="text/html")


async def empty(_exchange: Exchange) -> web.StreamResponse:
    return web.Response(status=200, content_type="application/json")


async def wrong_content_type(exchange: Exchange) -> web.StreamResponse:
    return web.Response(status=exchange.answer.status, body=exchange.answer.body, content_type="text/plain")


async def cut_reply(exchange: Exchange) -> web.StreamResponse:
    """End after `at_byte` bytes of the whole reply, counted from its status line (by default all but the last).

    `framing`: `length`, `chunked` or `close`, see framing.py; `end`: `close` (the stream just ends) or `reset`.
    """
    whole = framed(exchange.answer, exchange.params.get("framing", "length"))
    exchange.write(whole[: int(exchange.params.get("at_byte", len(whole) - 1))])
    return await reset(exchange) if exchange.params.get("end") == "reset" else exchange.close()


async def drip(exchange: Exchange) -> web.StreamResponse:
    """Send one byte each `interval_ms` (500), from the `headers` or from the `body` on (`where`)."""
    whole, at = framed(exchange.answer, "length"), 0
    if exchange.params.get("where", "body") == "body":
        at = len(whole) - len(exchange.answer.body)
        exchange.write(whole[:at])
    while at < len(whole) and exchange.open:
        exchange.write(whole[at : at + 1])
        at += 1
        await asyncio.sleep(exchange.params.get("interval_ms", 500) / 1000)
    return exchange.close()


async def huge_body(exchange: Exchange) -> web.StreamResponse:
    """Send the answer followed by spaces, `bytes` (100 MB) in all: valid JSON for whoever would read it."""
    total = int(exchange.params.get("bytes", 100 * 1000 * 1000))
    exchange.write(head(200, f"Content-Length: {total}") + exchange.answer.body)
    left = total - len(exchange.answer.body)
    while left > 0 and exchange.open:
        transport = exchange.request.transport
        if transport is not None and transport.get_write_buffer_size() > 16 * _PIECE:
            await asyncio.sleep(0.001)
            continue
        exchange.write(b" " * min(left, _PIECE))
        left -= _PIECE
    return exchange.close()


async def gzip_body(exchange: Exchange) -> web.StreamResponse:
    """Send a compressed body that unpacks to `bytes` (50 MB), although the client asked for `identity`."""
    padding = b" " * int(exchange.params.get("bytes", 50 * 1000 * 1000))
    packed = await asyncio.to_thread(gzip.compress, exchange.answer.body + padding, 6)
    return web.Response(body=packed, content_type="application/json", headers={"Content-Encoding": "gzip"})


async def redirect(exchange: Exchange) -> web.StreamResponse:
    """Answer `status` (307) with a `location` (the same path), which must not be followed."""
    location = exchange.params.get("location", exchange.request.path)
    return web.Response(status=int(exchange.params.get("status", 307)), headers={"Location": location})


def edited(**changes: Any) -> Sender:
    """Return a sender that answers in health, but about something else: the ledger keeps the truth."""

    async def sender(exchange: Exchange) -> web.StreamResponse:
        document = json.loads(exchange.answer.body)
        for found in _objects_in(document):
            for name, change in changes.items():
                found[name] = change(found[name])
        return sent(Answer(exchange.answer.status, encoded(document), exchange.answer.headers))

    return sender


def _objects_in(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, list):
        for item in document:
            yield from _objects_in(item)
    elif isinstance(document, dict):
        if document.get("object") in {"charge", "refund", "dispute"}:
            yield document
        for value in document.values():
            yield from _objects_in(value)
