"""Connections to hosts that somebody else named: made to an address that was checked, and to no other.

The name is resolved once, every address it leads to is checked, and the connection goes to one of exactly those. A name
that leads elsewhere a moment later (DNS rebinding) gains nothing. TLS is verified against the name.
"""

import socket
from collections.abc import Mapping
from typing import Any, Final

from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from payments.gateways.addresses import NOT_PUBLIC, NotPublicError, addresses_of
from payments.gateways.connections import GatewayTransport, WatchedConnection, WatchedTLSConnection

# Addresses of one name that are tried in one call. Names have a few; whoever gives one many would have us try them all.
_MOST_ADDRESSES: Final = 4


class PublicConnection(WatchedConnection):
    """Connects to checked addresses only; `allow_loopback` is for the demo, whose shop runs on the same machine."""

    def __init__(self, *args: Any, allow_loopback: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._allow_loopback = allow_loopback

    def _new_conn(self) -> socket.socket:
        try:
            addresses = addresses_of(self.host, self.port, allow_loopback=self._allow_loopback)
        except NotPublicError as error:
            raise NewConnectionError(self, NOT_PUBLIC) from error
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except (OSError, UnicodeError) as error:
            raise NewConnectionError(self, f"The host name cannot be resolved: {error}") from error
        # Several, as a name with an IPv6 address first must work where there is no IPv6.
        *others, last = addresses[:_MOST_ADDRESSES]
        for address in others:
            try:
                return self._connect_to(address)
            except NewConnectionError:
                continue
        return self._connect_to(last)

    def _connect_to(self, address: str) -> socket.socket:
        # The look-up of the name and the addresses before took their time, too.
        self.hurry()
        try:
            return create_connection((address, self.port), self.timeout, socket_options=self.socket_options)
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"No connection within {self.timeout} seconds.") from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error


class PublicTLSConnection(PublicConnection, WatchedTLSConnection):
    """The same over TLS."""


class _Pool(HTTPConnectionPool):
    ConnectionCls = PublicConnection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = PublicTLSConnection


class PublicTransport(GatewayTransport):
    """A transport for one host that checks its addresses."""

    pools: Mapping[str, type[HTTPConnectionPool]] = {"http": _Pool, "https": _TLSPool}

    def __init__(self, url: str, *, pool_size: int, ca_file: str | None, allow_loopback: bool) -> None:
        super().__init__(url, pool_size=pool_size, ca_file=ca_file)
        if isinstance(self._pool, HTTPConnectionPool):  # it always is; its base class has no `conn_kw`
            self._pool.conn_kw["allow_loopback"] = allow_loopback
