"""The rows of the table of exceptions after the first byte was sent: all unknown, over real sockets (B2)."""

import http.client
import socket
import ssl
import time

import pytest

from payments.gateways.base import Kind
from payments.gateways.errors import Failure, classify
from payments.gateways.http import Reply
from tests.payments.gateways.broken_calls import free_port, outcome_of, tls_call, unknown
from tests.payments.gateways.builders import charge_object, charge_request, encoded, gateway, look_up_of
from tests.payments.gateways.raw import Behaviour, raw_server, receive, reset, says, silent, whole


def test_a_reset_after_accept_is_unknown() -> None:
    def behave(connection: socket.socket) -> None:
        # Not at once: a reset that the client sees while it still connects is a connection that was never made.
        time.sleep(0.05)
        reset(connection)

    assert unknown("reset", outcome_of(behave))


def test_a_reset_after_the_request_is_unknown() -> None:
    def behave(connection: socket.socket) -> None:
        receive(connection)
        reset(connection)

    assert unknown("reset", outcome_of(behave))


def test_a_close_without_a_reply_is_unknown() -> None:
    assert unknown("closed", outcome_of(says()))


def test_a_garbage_status_line_is_unknown() -> None:
    assert unknown("garbage_reply", outcome_of(says(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")))


def test_a_status_line_that_never_ends_is_unknown() -> None:
    assert unknown("garbage_reply", outcome_of(says(b"HTTP/1.1 200 " + b"O" * 200_000)))


def test_too_many_headers_are_unknown() -> None:
    assert unknown("garbage_reply", outcome_of(says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n")))


def test_a_dead_kept_alive_connection_is_unknown_and_the_charge_is_not_sent_again() -> None:
    request = charge_request()
    received: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        received.append(receive(connection))
        connection.sendall(whole(encoded(charge_object(request))))
        received.append(receive(connection))
        # It has read the second POST when it goes: nobody can know whether it acted.
        reset(connection)

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        assert adapter.charge(request).kind is Kind.SUCCEEDED
        assert unknown("reset", adapter.charge(request))
        assert server.connections == 1
    assert len(received) == 2


def test_a_kept_alive_connection_closed_while_idle_is_replaced_before_anything_is_sent() -> None:
    request = charge_request()
    with raw_server(says(whole(encoded(charge_object(request))))) as server:
        adapter = gateway(server.url)
        assert adapter.charge(request).kind is Kind.SUCCEEDED
        time.sleep(0.1)
        assert adapter.charge(request).kind is Kind.SUCCEEDED
        assert server.connections == 2


def test_a_read_timeout_before_the_headers_is_unknown() -> None:
    assert unknown("read_timeout", outcome_of(silent))


def test_a_broken_tls_record_after_the_request_is_unknown_although_it_looks_like_a_failed_handshake() -> None:
    """`requests` wraps it as SSLError ← MaxRetryError, exactly like a failed handshake, which would be not_sent."""

    def behave(connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        receive(connection)
        with socket.socket(fileno=connection.detach()) as plain:
            plain.sendall(b"\x17\x03\x03\x00\x20" + b"no TLS record can be read here!!")

    with raw_server(behave, "good.pem") as server:
        failure = tls_call(server)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.reason) == (Kind.UNKNOWN, "tls")


def test_a_whole_reply_over_verified_tls_is_read() -> None:
    with raw_server(says(whole(b"{}")), "good.pem") as server:
        reply = tls_call(server)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (200, b"{}")


def test_an_exception_nobody_has_thought_of_is_unknown() -> None:
    failure = classify(RuntimeError("surprise"), started=True, expired=False)
    assert (failure.kind, failure.reason) == (Kind.UNKNOWN, "unexpected")


def test_an_exception_nobody_has_thought_of_is_unknown_even_before_the_first_byte() -> None:
    failure = classify(http.client.CannotSendRequest(), started=False, expired=False)
    assert failure.kind is Kind.UNKNOWN


@pytest.mark.parametrize("behave", [reset, silent, says(), says(b"garbage\r\n\r\n")])
def test_a_look_up_that_breaks_is_unknown(behave: Behaviour) -> None:
    with raw_server(behave) as server:
        assert gateway(server.url).look_up(look_up_of(charge_request())).kind is Kind.UNKNOWN


def test_a_look_up_that_is_refused_is_unknown_because_a_question_proves_nothing() -> None:
    outcome = gateway(f"http://127.0.0.1:{free_port()}").look_up(look_up_of(charge_request()))
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "refused")
