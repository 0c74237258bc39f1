"""Answers one question about a failed call: is it proven that the gateway did not get the request?

The table is that of requests 2.34 and urllib3 2.8, each row reproduced over a real socket in tests/payments/gateways.
Closed by default: only what is listed in `_NEVER_SENT`, and only while not one byte of the request had been written,
is NOT_SENT. Everything else, also what nobody has thought of, is UNKNOWN. Using another gateway for any
`ConnectionError` would be a double charge (requirements B2, B8).
"""

import http.client
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from urllib3 import exceptions as urllib3

from payments.gateways.base import Kind
from payments.gateways.text import sanitised


class BodyTooLargeError(Exception):
    """The reply's body is larger than any reply of a gateway has reason to be."""


class BodyEncodedError(Exception):
    """The reply's body is compressed although we asked for `identity`; unpacking it could fill the memory."""


@dataclass(frozen=True, slots=True)
class Failure:
    """No usable reply. `kind` is NOT_SENT or UNKNOWN; `reason` a short machine word; `message` for operators."""

    kind: Kind
    reason: str
    message: str


# Raised only while a connection is being made. An SSLError is also raised when a record after the request is broken,
# under the same wrapping: that is why `started` is asked as well.
_NEVER_SENT: Final = (
    (urllib3.NameResolutionError, "dns"),
    (urllib3.NewConnectionError, "refused"),
    (urllib3.ConnectTimeoutError, "connect_timeout"),
    (urllib3.SSLError, "tls"),
)

# Innermost first; only words for people and statistics, as all of them are unknown.
_UNKNOWN_REASONS: Final = (
    (BodyTooLargeError, "body_too_large"),
    (BodyEncodedError, "body_encoded"),
    (urllib3.ReadTimeoutError, "read_timeout"),
    (TimeoutError, "read_timeout"),
    (http.client.RemoteDisconnected, "closed"),
    (http.client.IncompleteRead, "cut_body"),
    (urllib3.IncompleteRead, "cut_body"),
    (ConnectionError, "reset"),
    (ssl.SSLError, "tls"),
    (http.client.HTTPException, "garbage_reply"),
    (urllib3.HTTPError, "broken"),
    (socket.error, "broken"),
)


def classify(error: BaseException, *, started: bool, expired: bool) -> Failure:
    """Say what `error` means. started: a byte may have been written; expired: our own deadline ended the call."""
    causes = list(_causes(error))
    message = _message(causes[-1])
    if not started:
        for family, reason in _NEVER_SENT:
            if any(isinstance(cause, family) for cause in causes):
                return Failure(Kind.NOT_SENT, reason, message)
    if expired:
        return Failure(Kind.UNKNOWN, "deadline", "The total deadline passed before the whole reply was there.")
    return Failure(Kind.UNKNOWN, _unknown_reason(causes), message)


def _unknown_reason(causes: list[BaseException]) -> str:
    for cause in reversed(causes):
        for family, reason in _UNKNOWN_REASONS:
            if isinstance(cause, family):
                return reason
    return "unexpected"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield `error` and what it wraps, outermost first: `reason`, nested arguments, then the explicit cause."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        inner = (getattr(current, "reason", None), *reversed(current.args))
        current = next((cause for cause in inner if isinstance(cause, BaseException)), current.__cause__)


def _message(error: BaseException) -> str:
    return sanitised(f"{type(error).__name__}: {error}")
