"""The rows of the table of exceptions that prove that nothing was sent, each over a real socket (B2)."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from payments.gateways.base import Kind
from payments.gateways.errors import Failure
from tests.payments.gateways.broken_calls import free_port, tls_call
from tests.payments.gateways.builders import charge_request, gateway
from tests.payments.gateways.raw import raw_server, receive, reset, silent


def test_a_refused_connection_is_not_sent() -> None:
    outcome = gateway(f"http://127.0.0.1:{free_port()}").charge(charge_request())
    assert (outcome.kind, outcome.reason, outcome.opens_breaker) == (Kind.NOT_SENT, "refused", True)


def test_a_name_that_does_not_resolve_is_not_sent() -> None:
    outcome = gateway("http://gateway.invalid").charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "dns")


@pytest.fixture
def deaf_url() -> Iterator[str]:
    """An address whose accept queue is full, so that the kernel drops every further SYN."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        for client in waiting:
            client.close()


def test_a_dropped_syn_is_not_sent_after_the_connect_timeout(deaf_url: str) -> None:
    started = time.monotonic()
    outcome = gateway(deaf_url, connect_timeout=0.3).charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "connect_timeout")
    assert 0.25 < time.monotonic() - started < 1.0


def test_a_deadline_that_passes_while_connecting_is_not_sent(deaf_url: str) -> None:
    started = time.monotonic()
    outcome = gateway(deaf_url, connect_timeout=5).charge(charge_request(deadline=0.2))
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "connect_timeout")
    assert time.monotonic() - started < 1.0


def test_a_deadline_that_passed_before_the_call_is_not_sent_and_nothing_arrives() -> None:
    arrived = threading.Event()

    def behave(connection: socket.socket) -> None:
        receive(connection)
        arrived.set()

    with raw_server(behave) as server:
        outcome = gateway(server.url).charge(charge_request(deadline=-1.0))
        assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "connect_timeout")
        assert not arrived.wait(0.1)


def test_tls_spoken_to_a_plain_server_is_not_sent() -> None:
    with raw_server(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        outcome = gateway(server.url.replace("http:", "https:")).charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "tls")


def test_a_certificate_that_nobody_vouches_for_is_not_sent() -> None:
    with raw_server(silent, "good.pem") as server:
        outcome = gateway(server.url).charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "tls")


@pytest.mark.parametrize("certificate", ["other_host.pem", "expired.pem"])
def test_a_wrong_or_expired_certificate_is_not_sent(certificate: str) -> None:
    with raw_server(silent, certificate) as server:
        failure = tls_call(server, trusted=certificate)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.reason) == (Kind.NOT_SENT, "tls")


def test_a_reset_during_the_handshake_is_not_sent() -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1)
        reset(connection)

    with raw_server(behave) as server:
        outcome = gateway(server.url.replace("http:", "https:")).charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "tls")


def test_a_handshake_that_never_ends_is_not_sent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        started = time.monotonic()
        url = f"https://127.0.0.1:{mute.getsockname()[1]}"
        outcome = gateway(url, connect_timeout=0.3).charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.NOT_SENT, "tls")
    assert time.monotonic() - started < 1.5
