"""Every row of the table of exceptions, each over a real socket: what a broken call means (requirement B2)."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator

import pytest

from payments.gateways.base import Kind, Outcome
from payments.gateways.errors import Failure, classify
from payments.gateways.http import HttpClient, Reply
from tests.payments.gateways.builders import charge_object, charge_request, encoded, gateway, look_up_of
from tests.payments.gateways.raw import (
    CERTIFICATES,
    Behaviour,
    RawServer,
    head,
    raw_server,
    receive,
    reset,
    says,
    silent,
    whole,
)


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


# Provably not sent.


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


# Everything after the first byte is unknown.


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


def test_a_read_timeout_inside_the_body_is_unknown() -> None:
    assert unknown("read_timeout", outcome_of(says(head("Content-Length: 100") + b"{", pause=0.6)))


def test_a_body_shorter_than_its_content_length_is_unknown() -> None:
    assert unknown("cut_body", outcome_of(says(head("Content-Length: 100") + b'{"id": "ch_1"}')))


def test_a_chunked_body_without_its_last_chunk_is_unknown() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    reply = head("Transfer-Encoding: chunked") + b"%x\r\n%s\r\n" % (len(body), body)
    assert unknown("cut_body", outcome_of(says(reply)))


def test_a_chunk_size_that_is_no_number_is_unknown() -> None:
    assert unknown("cut_body", outcome_of(says(head("Transfer-Encoding: chunked") + b"wat\r\n{}\r\n0\r\n\r\n")))


def test_a_chunk_size_line_that_never_ends_is_unknown() -> None:
    assert unknown("garbage_reply", outcome_of(says(head("Transfer-Encoding: chunked") + b"1" * 300_000)))


def test_a_reset_inside_the_body_is_unknown() -> None:
    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(head("Content-Length: 100") + b"{")
        time.sleep(0.1)
        reset(connection)

    assert unknown("reset", outcome_of(behave))


def test_every_way_to_cut_a_body_with_a_length_is_unknown() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    cuts = iter(range(len(body)))

    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(whole(body)[: len(whole(body)) - len(body) + next(cuts)])

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        outcomes = {(outcome := adapter.charge(request)).kind for _ in body}
        assert outcome.kind is Kind.UNKNOWN
    assert outcomes == {Kind.UNKNOWN}


def test_every_way_to_cut_a_body_without_a_length_is_unknown() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    start = head("Connection: close")
    cuts = iter(range(len(body)))

    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(start + body[: next(cuts)])

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        kinds = {adapter.charge(request).kind for _ in body}
    assert kinds == {Kind.UNKNOWN}


def test_a_cut_body_without_a_length_that_is_still_valid_json_is_unknown() -> None:
    # A gateway that writes the charge's id last: what is left of it is JSON, and about the right payment.
    part = {name: value for name, value in charge_object(charge_request()).items() if name != "id"}
    outcome = outcome_of(says(head("Connection: close") + encoded(part)))
    assert unknown("schema", outcome)


def test_a_whole_body_without_a_length_is_believed_when_schema_and_reference_match() -> None:
    request = charge_request()
    with raw_server(says(head("Connection: close") + encoded(charge_object(request)))) as server:
        outcome = gateway(server.url).charge(request)
    assert (outcome.kind, outcome.reference) == (Kind.SUCCEEDED, "ch_1")


def test_two_content_lengths_that_disagree_are_unknown() -> None:
    body = encoded(charge_object(charge_request()))
    outcome = outcome_of(says(head("Content-Length: 5", f"Content-Length: {len(body)}") + body))
    assert outcome.kind is Kind.UNKNOWN


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
