"""The one HTTP way out to gateways: kept-alive connections, a total deadline, a body cap, and no surprises.

No retries, no redirects, no proxies or credentials from the environment, no compressed bodies. What can go wrong on
the way comes back as a `Failure`, never as an exception.
"""

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from urllib3.response import HTTPResponse

from payments.gateways.base import Kind
from payments.gateways.connections import GatewayTransport, prepared
from payments.gateways.deadlines import REAPER, Watch
from payments.gateways.errors import BodyEncodedError, BodyTooLargeError, Failure, classify

logger = logging.getLogger(__name__)

# No reply of a gateway has reason to be larger; a hostile or broken one must not fill the memory.
MAX_BODY: Final = 1024 * 1024
_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply whose body was read to the end. `headers` is looked up without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpClient:
    """Calls one gateway; shared by threads.

    connect_timeout, read_timeout: seconds for a connection and for each wait for bytes (requirement B1).
    pool_size: connections kept alive, at least as many as threads call at once. ca_file: trust only this CA bundle.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        connect_timeout: float,
        read_timeout: float,
        pool_size: int = 1024,
        ca_file: str | None = None,
    ) -> None:
        self._url, self._ca_file, self._pool_size = url.rstrip("/"), ca_file, pool_size
        self._prefix = urlsplit(self._url).path
        self._timeouts = (connect_timeout, read_timeout)
        # Accept-Encoding stays `identity`: a bomb need not be defused where nothing is unpacked.
        self._headers = {**headers, "Accept": "application/json", "Accept-Encoding": "identity"}
        self._connect()

    def _connect(self) -> None:
        self._pid = os.getpid()
        self._transport = self._new_transport()

    def _new_transport(self) -> GatewayTransport:
        return GatewayTransport(self._url, pool_size=self._pool_size, ca_file=self._ca_file)

    def _body_of(self, raw: HTTPResponse) -> bytes:
        return _whole_body(raw)

    def call(
        self,
        method: str,
        path: str,
        *,
        ends_at: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply | Failure:
        """Make one call that is over by `ends_at` (monotonic clock, seconds), whatever the other side does.

        Only the name look-up cannot be interrupted: the resolver's own time-out bounds it.
        """
        if self._pid != os.getpid():
            # After a fork the sockets belong to the parent; two processes on one TLS stream would corrupt it.
            self._connect()
        request = prepared(method, self._prefix + path, {**self._headers, **(headers or {})}, body)
        watch = Watch(ends_at)
        left = max(0.001, ends_at - time.monotonic())
        connect, read = self._timeouts
        REAPER.add(watch)
        raw = None
        try:
            raw = self._transport.exchange(request, watch, (min(connect, left), min(read, left)))
            reply = Reply(raw.status, raw.headers, self._body_of(raw))
        # The boundary: an exception nobody has thought of must become "unknown", or a charge would be lost from sight.
        except Exception as error:
            return self._failed(error, watch, raw)
        finally:
            REAPER.remove(watch)
        if watch.expired:
            # The end of the stream that our own shutdown makes looks like the end of a body without a length.
            return Failure(Kind.UNKNOWN, "deadline", "The total deadline passed before the whole reply was there.")
        return reply

    @staticmethod
    def _failed(error: Exception, watch: Watch, raw: HTTPResponse | None) -> Failure:
        if raw is not None:
            raw.close()
            raw.release_conn()
        failure = classify(error, started=watch.started, expired=watch.expired)
        if failure.reason == "unexpected":
            logger.error("A gateway call ended in an exception that errors.py does not know.", exc_info=error)
        return failure


def _whole_body(raw: HTTPResponse) -> bytes:
    """Read to the end of the body, at most MAX_BODY; raises BodyTooLargeError, BodyEncodedError, and urllib3's."""
    if raw.headers.get("Content-Encoding", "identity").strip().lower() not in {"identity", ""}:
        raise BodyEncodedError(f"Content-Encoding: {raw.headers['Content-Encoding']}")
    pieces, total = [], 0
    # `read`, not `stream`: for chunked bodies urllib3's own reader takes a chunk-size line of any length into memory.
    while piece := raw.read(_PIECE, decode_content=False):
        pieces.append(piece)
        total += len(piece)
        if total > MAX_BODY:
            raise BodyTooLargeError(f"More than {MAX_BODY} bytes.")
    return b"".join(pieces)
