"""Listens for webhooks on a free port, and answers as it is told."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from payments.gateways.base import EventNotice
from payments.gateways.sandbox.notices import notice_of
from payments.gateways.signatures import Signatures
from tests.sandbox import WEBHOOK_SECRET


@dataclass(frozen=True)
class Received:
    """One delivery. at: monotonic seconds."""

    headers: dict[str, str]
    body: bytes
    at: float

    def notice(self) -> EventNotice:
        """Return what it says; raise EventRefusedError where its signature is not the gateway's."""
        return notice_of(Signatures(WEBHOOK_SECRET).verified_id(self.headers, self.body), self.body)


class Receiver:
    """answers: the statuses to give, one after the other; 204 when they are used up."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def about(self, reference: str) -> list[Received]:
        """Return the deliveries whose body names this payment, in the order in which they came."""
        return [each for each in self.received if reference.encode() in each.body]

    def wait_for(self, reference: str, count: int, *, seconds: float = 8) -> list[Received]:
        """Return the deliveries about a payment once there are `count`; fail after `seconds`."""
        ends_at = time.monotonic() + seconds
        while len(found := self.about(reference)) < count:
            assert time.monotonic() < ends_at, f"{len(found)} of {count} deliveries came in {seconds} s."
            time.sleep(0.02)
        return found

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.received.append(Received(dict(self.headers.items()), body, time.monotonic()))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: Any) -> None:
                """Say nothing: the tests read what was received."""

        return Handler


@contextmanager
def receiver() -> Iterator[Receiver]:
    """Listen meanwhile."""
    listening = Receiver()
    try:
        yield listening
    finally:
        listening.close()
