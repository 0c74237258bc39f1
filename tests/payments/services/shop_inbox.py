"""A shop's endpoint: a real HTTP server in a thread that notes what it gets and answers what it is told to."""

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks import Webhook


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it came; header names in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event_id(self) -> str:
        return self.headers["webhook-id"]

    def verified_by(self, secret: str) -> Any:
        """Return the body as the library reads it; raises where the signature is not by `secret`."""
        return Webhook(secret).verify(self.body, dict(self.headers))


@dataclass(frozen=True, slots=True)
class Say:
    """An answer."""

    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class ShopInbox:
    """`got` is what came, in the order of coming; `answer` decides what is said to each."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answer: Callable[[Got], Say] = lambda _: Say()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.inbox = self
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/events"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    def says(self, status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        self.answer = lambda _: Say(status, headers or {}, body)

    @property
    def ids(self) -> list[str]:
        return [got.event_id for got in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    inbox: ShopInbox


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        got = Got({name.lower(): value for name, value in self.headers.items()}, body)
        self.server.inbox.got.append(got)
        say = self.server.inbox.answer(got)
        self.send_response(say.status)
        for name, value in {**say.headers, "Content-Length": str(len(say.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(say.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def shop_inbox() -> Iterator[ShopInbox]:
    inbox = ShopInbox()
    try:
        yield inbox
    finally:
        inbox.close()
