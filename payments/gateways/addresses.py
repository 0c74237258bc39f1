"""Tells addresses on the public internet from all others, so that nobody can have us call into a private network.

The list of what is not public is that of requests-hardened, applied to every address that a name resolves to: a name
with one private address among public ones is refused altogether.
"""

import ipaddress
import socket
import threading
from typing import Final

from requests_hardened.ip_filter import InvalidIPAddress, get_ip_address

NOT_PUBLIC: Final = "The host name leads to an address that is not on the public internet."
# Seconds that a check of a name may take when an address is saved; the resolver's own time-out is longer.
_LOOK_UP_WITHIN: Final = 2.0


class NotPublicError(Exception):
    """A host leads to an address that is private, loopback, link-local or otherwise not on the public internet."""


def addresses_of(host: str, port: int, *, allow_loopback: bool) -> list[str]:
    """Resolve `host` and return its addresses as text, in the resolver's order, all of them public.

    Raises NotPublicError where any of them is not, and OSError (socket.gaierror) where there is none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
    for address in addresses:
        require_public(address, allow_loopback=allow_loopback)
    return addresses


def require_public(address: str, *, allow_loopback: bool) -> None:
    """Raise NotPublicError unless `address`, in digits, is public; loopback passes where `allow_loopback`."""
    try:
        # A link-local address may carry its interface: fe80::1%eth0.
        ip, _ = get_ip_address(address.partition("%")[0], 0, allow_loopback)
    except (InvalidIPAddress, OSError):
        # Without the address, which may be told to whoever named the host: it is nobody's business outside.
        raise NotPublicError(NOT_PUBLIC) from None
    if ip.is_loopback and allow_loopback:
        return
    # Beyond that list: site-local and IPv4-compatible IPv6, which some systems still route.
    is_old = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    if ip.is_reserved or ip.is_unspecified or ip.is_link_local or is_old:
        raise NotPublicError(NOT_PUBLIC)


def leads_astray(host: str, port: int, *, allow_loopback: bool) -> bool:
    """Say whether `host` is known at this moment to lead to an address that is not public; within two seconds.

    False where the name does not resolve, or not in time: whoever connects looks again.
    """
    astray: list[bool] = []

    def look() -> None:
        try:
            addresses_of(host, port, allow_loopback=allow_loopback)
        except NotPublicError:
            astray.append(True)
        except (OSError, UnicodeError):
            return

    thread = threading.Thread(target=look, name="look-up", daemon=True)
    thread.start()
    thread.join(_LOOK_UP_WITHIN)
    return bool(astray)


def literal(host: str) -> str | None:
    """Return the address that `host` spells in digits, as resolvers read it; None where it is a name.

    Resolvers also take IPv4 addresses in decimal, octal and hexadecimal, with one to four parts: 2130706433, 0x7f.1.
    """
    try:
        return str(ipaddress.ip_address(host.partition("%")[0]))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, UnicodeError):
        return None
