"""Calls to addresses that shops gave us: to the public internet only, within a total deadline, reading little.

Redirects come back as what they are, and are never followed. One client is kept per host, so that connections stay
alive from one event to the next.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from urllib3.response import HTTPResponse

from payments.gateways.base import Kind
from payments.gateways.connections import GatewayTransport
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from payments.gateways.public_connections import PublicTransport
from payments.gateways.text import sanitised

logger = logging.getLogger(__name__)

# What is read of an answer: nobody needs more than its status, and a part of the text to see what went wrong.
MOST_BODY: Final = 64 * 1024
CONNECT_WITHIN: Final = 5.0
# Connections kept alive per host, and hosts.
_CONNECTIONS: Final = 16
_HOSTS: Final = 256


class PublicClient(HttpClient):
    """Calls one host. A longer answer is cut after 64 kB, and its connection closed."""

    def __init__(self, url: str, *, allow_loopback: bool, read_timeout: float, ca_file: str | None = None) -> None:
        self._allow_loopback = allow_loopback
        super().__init__(
            url,
            headers={},
            connect_timeout=CONNECT_WITHIN,
            read_timeout=read_timeout,
            pool_size=_CONNECTIONS,
            ca_file=ca_file,
        )

    def _new_transport(self) -> GatewayTransport:
        return PublicTransport(
            self._url, pool_size=self._pool_size, ca_file=self._ca_file, allow_loopback=self._allow_loopback
        )

    def _body_of(self, raw: HTTPResponse) -> bytes:
        pieces, left = [], MOST_BODY
        while left and (piece := raw.read(left, decode_content=False)):
            pieces.append(piece)
            left -= len(piece)
        if not left:
            raw.close()
        is_plain = raw.headers.get("Content-Encoding", "identity").strip().lower() in {"identity", ""}
        # Nothing is unpacked: what somebody packed against our wish is not worth the danger.
        return b"".join(pieces) if is_plain else b""


class _Clients:
    """The clients of this process, those not used for longest dropped first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, bool], PublicClient] = OrderedDict()

    def get(self, origin: str, *, allow_loopback: bool, read_timeout: float) -> PublicClient:
        key = (origin, allow_loopback)
        with self._lock:
            client = self._kept.get(key)
            if client is None:
                client = PublicClient(origin, allow_loopback=allow_loopback, read_timeout=read_timeout)
                self._kept[key] = client
                if len(self._kept) > _HOSTS:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return client


_clients = _Clients()


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, within: float, allow_loopback: bool = False
) -> Reply | Failure:
    """POST `body` to `url`; the whole call is over within so many seconds. Never raises, whatever `url` is.

    A Failure's message says NOT_PUBLIC where the host is no address on the public internet; `allow_loopback` lets
    this machine through.
    """
    ends_at = time.monotonic() + within
    try:
        parts = urlsplit(url)
        client = _clients.get(f"{parts.scheme}://{parts.netloc}", allow_loopback=allow_loopback, read_timeout=within)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return client.call("POST", path, ends_at=ends_at, body=body, headers=headers)
    # The boundary: libraries raise what they like for an address that they cannot read, and whoever gave it must be
    # told by the log of tries.
    except Exception as error:
        logger.warning("a public address could not be called", exc_info=error)
        return Failure(Kind.UNKNOWN, "unusable", sanitised(f"{type(error).__name__}: {error}"))
