"""Calls to servers that break them, and what is known afterwards."""

import socket
import time

from payments.gateways.base import Kind, Outcome
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from tests.payments.gateways.builders import charge_request, gateway
from tests.payments.gateways.raw import CERTIFICATES, Behaviour, RawServer, raw_server


def outcome_of(behave: Behaviour) -> Outcome:
    """Send one charge to a server that behaves so, and check that exactly one connection was made for it."""
    with raw_server(behave) as server:
        outcome = gateway(server.url).charge(charge_request())
        assert server.connections == 1
    return outcome


def tls_call(server: RawServer, *, trusted: str = "good.pem", deadline: float = 5.0) -> Reply | Failure:
    client = HttpClient(
        server.url, headers={}, connect_timeout=0.5, read_timeout=0.5, ca_file=str(CERTIFICATES / trusted)
    )
    return client.call("POST", "/v1/charges", body=b"{}", ends_at=time.monotonic() + deadline)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def unknown(reason: str, outcome: Outcome) -> bool:
    """Say whether nothing is claimed to be known, for this reason, and a breaker counts it."""
    return (outcome.kind, outcome.reason, outcome.opens_breaker) == (Kind.UNKNOWN, reason, True)
