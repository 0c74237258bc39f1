"""Serves a WSGI application through granian's RSGI interface, so that slow clients pin no thread.

Under granian's own WSGI interface a thread of the few is taken as soon as a request's headers are there and waits for
the body as long as the client likes: eight dripping POSTs stopped a server of four threads (bad inputs B67–B69). Here
an event loop reads the body, in `BODY_SECONDS` at the most; only a complete request gets a thread. Requests must
declare their length: what is cut off or chunked wrongly is then never mistaken for a whole body.
"""

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any, Final, Protocol

from granian.rsgi import Scope

from payments.api.problems import Problem

log = logging.getLogger(__name__)

BODY_SECONDS: Final = 10.0
# The largest body any page or API call takes; the strict JSON parser has a narrower limit of its own.
BODY_LIMIT: Final = 1_048_576

Environ = dict[str, Any]
Headers = list[tuple[str, str]]
Written = Callable[[bytes], object]
Site = Callable[[Environ, Any], Iterable[bytes]]
_BASE: Final[Environ] = {
    "SCRIPT_NAME": "",
    "SERVER_SOFTWARE": "granian",
    "wsgi.version": (1, 0),
    "wsgi.errors": sys.stderr,
    "wsgi.multithread": True,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}


class Exchange(Protocol):
    """What granian hands over to read one request's body and to answer it."""

    async def __call__(self) -> bytes: ...
    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...


def refused(status: int, code: str, detail: str, *, retryable: bool = False) -> Problem:
    """Return the answer to a request that never reaches the application; its body is not read (to the end)."""
    title = "The request's body cannot be read."
    return Problem(status=status, code=code, title=title, detail=detail, retryable=retryable)


def answer(problem: Problem, exchange: Exchange) -> None:
    """Answer with `problem` and close the connection: what follows on it would be the rest of a body."""
    headers = [("content-type", "application/problem+json"), ("connection", "close")]
    exchange.response_bytes(problem.status, headers, json.dumps(problem.body()).encode())


class Threads:
    """A fixed number of threads that run blocking calls for the event loop."""

    def __init__(self, number: int) -> None:
        self._calls: SimpleQueue[tuple[Callable[[], None], asyncio.Future[None]]] = SimpleQueue()
        for index in range(number):
            threading.Thread(target=self._work, name=f"request-{index + 1}", daemon=True).start()

    async def run(self, call: Callable[[], None]) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._calls.put((call, done))
        await done

    def _work(self) -> None:
        while True:
            call, done = self._calls.get()
            try:
                call()
            except Exception:  # the boundary of a thread that must live on; the client gets granian's plain 500
                log.exception("The application raised outside of Django's own handling.")
            done.get_loop().call_soon_threadsafe(_finish, done)


def _finish(done: asyncio.Future[None]) -> None:
    if not done.done():  # cancelled when the server stops
        done.set_result(None)


class Server:
    """One server process's application, as granian calls it."""

    def __init__(self, site: Site, threads: int) -> None:
        self._site = site
        self._thread_count = threads

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads, once the process has been forked."""
        self._threads = Threads(self._thread_count)

    async def __rsgi__(self, scope: Scope, exchange: Exchange) -> None:
        """Answer one request."""
        try:
            environ = _environ(scope, await _body(scope, exchange))
        except Problem as problem:
            answer(problem, exchange)
        else:
            await self._threads.run(lambda: _respond(self._site, environ, exchange))


async def _body(scope: Scope, exchange: Exchange) -> bytes:
    """Return the whole body; raise Problem if it declares no length, is too long, too slow or cut off."""
    if "transfer-encoding" in scope.headers:
        raise refused(400, "length_required", "Send the body with a Content-Length, not in chunks.")
    length = int(scope.headers.get("content-length") or 0)  # granian has refused what is not one whole number
    if length == 0:
        return b""
    if length > BODY_LIMIT:
        raise refused(413, "body_too_large", f"The body may have {BODY_LIMIT} bytes at the most.")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await exchange()
    except TimeoutError:
        detail = f"The body did not arrive within {BODY_SECONDS:.0f} seconds. Nothing was done; send it again."
        raise refused(408, "body_too_slow", detail, retryable=True) from None
    except RuntimeError:  # granian's ProtocolClosed and ProtocolError: the connection broke, or the framing is wrong
        body = b""
    if len(body) != length:
        detail = "The body is shorter than its Content-Length. Nothing was done; send it again."
        raise refused(400, "body_cut_off", detail, retryable=True)
    return body


def _environ(scope: Scope, body: bytes) -> Environ:
    """Translate the request as PEP 3333 says: text is bytes read as Latin-1, repeated headers are joined.

    Headers with `_` in their names are dropped, as they would pass for others. granian has dropped those that are not
    ASCII and decoded the path.
    """
    host, _, port = scope.server.rpartition(":")
    environ = _BASE | {
        "REQUEST_METHOD": scope.method,
        "PATH_INFO": scope.path.encode().decode("latin-1"),
        "QUERY_STRING": scope.query_string,
        "SERVER_NAME": host,
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0],
        "wsgi.url_scheme": scope.scheme,
        "wsgi.input": io.BytesIO(body),
    }
    for name, value in scope.headers.items():
        if "_" not in name:
            key = "HTTP_" + name.upper().replace("-", "_")
            joint = "; " if name == "cookie" else ","
            environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE", "")
    environ["CONTENT_LENGTH"] = environ.pop("HTTP_CONTENT_LENGTH", "")
    return environ


def _respond(site: Site, environ: Environ, exchange: Exchange) -> None:
    """Run the application and hand over its answer in one piece (large downloads are held in memory)."""
    head: list[tuple[int, Headers]] = []
    parts: list[bytes] = []

    def start_response(status: str, headers: Headers, _exc_info: object = None, /) -> Written:
        head.append((int(status[:3]), [(name.lower(), value) for name, value in headers]))
        return parts.append

    response = site(environ, start_response)
    try:
        parts.extend(response)
    finally:
        close = getattr(response, "close", None)
        if close:
            close()
    status, headers = head[-1]
    exchange.response_bytes(status, headers, b"".join(parts))
