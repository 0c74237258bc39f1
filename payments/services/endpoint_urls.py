"""Says whether events may go to an address, when it is saved (requirement D3).

Whoever connects later checks the address that the name then leads to (payments/gateways/public_http.py): what is
refused here could not be delivered to anyway, and is refused early, with a reason.
"""

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

from payments.gateways.addresses import NotPublicError, leads_astray, literal, require_public

LONGEST: Final = 500
# Printable ASCII without what browsers, resolvers and libraries read in different ways.
_PLAIN: Final = re.compile(r"[!-~]+")
_AMBIGUOUS: Final = re.compile(r"""[\\"<>^`{|}]""")
# A host, or an IPv6 address in brackets, and perhaps a port, as every library writes it. Python's own splitting takes
# anything after the bracket, and between brackets names as well (RFC 3986, IPvFuture), which nobody can call.
_NETLOC: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[1-9][0-9]{0,4})?")
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
# Names that never lead outside: RFC 6761, RFC 6762, RFC 8375, and what private networks and clouds use.
_PRIVATE_NAMES: Final = ("localhost", "local", "internal", "home.arpa", "localdomain", "lan", "intranet")

_LOWEST_FREE: Final = 1024
_PORTS: Final = frozenset({443, 8443})
# Services that are no web servers; an HTTP request to one of them may still do harm.
_SERVICES: Final = frozenset(
    {1433, 1521, 2049, 2181, 2375, 2376, 2379, 2380, 3128, 3306, 3389, 4369, 5432, 5672, 5900, 5984, 6000, 6379, 6443}
    | {6666, 6667, 7001, 8500, 9042, 9092, 9100, 9200, 9300, 10250, 11211, 27017}
)


def problem_with(url: str) -> str:
    """Return why events cannot go to `url`, as "must …"; empty where they can.

    Looks its host name up, for at most two seconds, so not to be called inside a transaction.
    """
    if not url or len(url) > LONGEST:
        return f"must be an address of at most {LONGEST} characters."
    if not _PLAIN.fullmatch(url) or _AMBIGUOUS.search(url):
        return "must be written in plain ASCII without spaces; write a name with other letters as punycode (xn--…)."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "must be a whole address such as https://shop.example/events."
    return _problem_with_form(parts, url) or _problem_with_host(parts, port)


def _problem_with_form(parts: SplitResult, url: str) -> str:
    if parts.scheme not in {"https", "http"}:
        return "must begin with https://."
    if not parts.hostname:
        return "must have a host name, as in https://shop.example/events."
    if "@" in parts.netloc:
        return "must not contain a user name or password."
    if "#" in url:
        return "must not have a fragment (#…)."
    if parts.netloc.endswith(":"):
        return "must have a number after the colon of its port, or no colon."
    if not _NETLOC.fullmatch(parts.netloc) or ("[" in parts.netloc and not _is_ipv6(parts.hostname)):
        return "must have a host name, or an address in its usual spelling, and at most a port after it."
    return ""


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def _problem_with_host(parts: SplitResult, port: int | None) -> str:
    host = (parts.hostname or "").rstrip(".")
    is_local = settings.DEMO and _is_loopback(host)
    if parts.scheme != "https" and not is_local:
        return "must begin with https://."
    if not is_local and (problem := _problem_with_name(host)):
        return problem
    if problem := _problem_with_port(port, is_local=is_local):
        return problem
    if not is_local and leads_astray(host, port or 443, allow_loopback=False):
        return "must lead to an address on the public internet; this name leads to one that is not."
    return ""


def _is_loopback(host: str) -> bool:
    """Say whether `host` is this machine, plainly written: what the demo's shop uses."""
    return host in {"localhost", "127.0.0.1", "::1"}


def _problem_with_name(host: str) -> str:
    address = literal(host)
    if address is not None:
        if address != host:
            return "must have a host name, or an address in its usual spelling."
        try:
            require_public(address, allow_loopback=False)
        except NotPublicError:
            return "must lead to an address on the public internet, which this one is not."
        return ""
    if not _NAME.fullmatch(host):
        return "must have a valid host name."
    if any(host == name or host.endswith(f".{name}") for name in _PRIVATE_NAMES) or "." not in host:
        return "must have a host name of the public internet, as in https://shop.example/events."
    return ""


def _problem_with_port(port: int | None, *, is_local: bool) -> str:
    if port is None or port in _PORTS or (is_local and port == 80):
        return ""
    if port in _SERVICES:
        return f"must not use port {port}, which belongs to another kind of service."
    if port < _LOWEST_FREE:
        return "must use port 443, 8443, or one from 1024 on."
    return ""
