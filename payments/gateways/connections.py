"""Connections to one gateway: kept alive, watched by the deadline, and lean on the way through `requests`.

A whole `requests.Session` costs 0.43 ms of CPU a call (`trust_env=False`), of which half is merging of settings,
cookies, hooks, redirects and proxies that a gateway call must not have anyway. The session's own `HTTPAdapter`, used
directly with the pool looked up once, costs 0.22 ms; urllib3 alone would cost 0.20 ms.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import ConnectionPool, HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import SSLError
from urllib3.response import BaseHTTPResponse, HTTPResponse
from urllib3.util.retry import Retry

from payments.gateways.deadlines import Watch

# Servers commonly close idle connections after 60 or 75 s; a POST on one just closed is an unknown outcome.
MAX_IDLE: Final = 30.0


class _Current(threading.local):
    """The watch of the call that this thread makes: urllib3 has no other way to hand it to a connection."""

    watch: Watch


_current = _Current()


class WatchedConnection(HTTPConnection):
    """Ties its socket to the current watch, and is dropped from the pool when idle for long."""

    _used_at = 0.0
    _outgoing: list[bytes] | None = None

    @property
    def is_connected(self) -> bool:
        return time.monotonic() - self._used_at < MAX_IDLE and super().is_connected

    def connect(self) -> None:
        self.hurry()
        super().connect()

    def hurry(self) -> None:
        """Shorten the time-out to what is left of the call; raises ExpiredBeforeStartError where nothing is."""
        self.timeout = min(self.timeout or MAX_IDLE, _current.watch.remaining())

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.is_closed:
            self.connect()
        _current.watch.start(self.sock)
        self._outgoing = []
        super().request(*args, **kwargs)
        whole, self._outgoing = b"".join(self._outgoing), None
        super().send(whole)

    def send(self, data: Any) -> None:
        """Collect head and body, so that they leave in one packet: one system call here and one wake-up there."""
        if self._outgoing is None:
            super().send(data)
        else:
            self._outgoing.append(data)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        response = super().getresponse()
        self._used_at = time.monotonic()
        return response


class WatchedTLSConnection(WatchedConnection, HTTPSConnection):
    """The same over TLS; the certificate is always verified."""

    def connect(self) -> None:
        try:
            super().connect()
        except OSError as error:
            # TCP stands (urllib3 has exceptions of its own for that): a reset or time-out here is a failed handshake.
            raise SSLError(error) from error


class _Pool(HTTPConnectionPool):
    ConnectionCls = WatchedConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = WatchedTLSConnection


class GatewayTransport(HTTPAdapter):
    """An HTTPAdapter for one host: no retries (ours are elsewhere), no proxies, no redirects, no cookies."""

    pools: Mapping[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}

    def __init__(self, url: str, *, pool_size: int, ca_file: str | None) -> None:
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=Retry(0, read=False))
        self.poolmanager.pool_classes_by_scheme = dict(self.pools)
        request = PreparedRequest()
        request.prepare(method="GET", url=url)
        self._pool = super().get_connection_with_tls_context(request, verify=ca_file or True)
        if isinstance(self._pool, HTTPSConnectionPool):
            self._pool.cert_reqs, self._pool.ca_certs = "CERT_REQUIRED", ca_file or DEFAULT_CA_BUNDLE_PATH

    def exchange(self, request: PreparedRequest, watch: Watch, timeout: tuple[float, float]) -> HTTPResponse:
        """Send `request` and return the reply with its body not yet read; raises what `requests` raises."""
        _current.watch = watch
        raw: HTTPResponse = self.send(request, stream=True, timeout=timeout).raw
        return raw

    def get_connection_with_tls_context(self, *_args: Any, **_kwargs: Any) -> ConnectionPool:
        return self._pool

    def cert_verify(self, *_args: Any, **_kwargs: Any) -> None:
        return  # done once, when the pool was made

    def request_url(self, request: PreparedRequest, _proxies: Any) -> str:
        return request.url or "/"

    def build_response(self, _request: PreparedRequest, resp: BaseHTTPResponse) -> Response:
        response = Response()
        response.raw = resp
        return response


def prepared(method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> PreparedRequest:
    """Return a request as the transport wants it: `path` alone as its URL, the headers complete."""
    request = PreparedRequest()
    request.method, request.url, request.body = method, path, body
    request.headers = CaseInsensitiveDict(headers)
    if body is not None:
        request.headers["Content-Length"] = str(len(body))
    return request
