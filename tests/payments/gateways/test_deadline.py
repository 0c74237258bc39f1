"""The total deadline: however a server drips, the call ends in time and its thread is free again (requirement B1)."""

import multiprocessing
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest

from payments.gateways.base import Kind
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from tests.payments.gateways.builders import charge_object, charge_request, encoded, gateway, look_up_of
from tests.payments.gateways.raw import CERTIFICATES, Behaviour, drips, head, raw_server, receive, says, whole

# One byte each 0.05 s never lets the read timeout of 0.2 s pass.
DRIPS = [
    pytest.param(drips(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"y", interval=0.05), id="headers"),
    pytest.param(drips(b"", b"H", interval=0.05), id="status line"),
    pytest.param(drips(head("Content-Length: 1000"), b" ", interval=0.05), id="body"),
    pytest.param(drips(head("Connection: close"), b" ", interval=0.05), id="body without a length"),
    pytest.param(drips(head("Transfer-Encoding: chunked"), b"1", interval=0.05), id="chunk size"),
    pytest.param(drips(b"HTTP/1.1 100 Continue\r\n\r\n", b"\r", interval=0.05), id="after a 100"),
]


def client(url: str) -> HttpClient:
    return HttpClient(url, headers={}, connect_timeout=0.5, read_timeout=1.0, ca_file=str(CERTIFICATES / "good.pem"))


@pytest.mark.parametrize("behave", DRIPS)
def test_a_drip_ends_at_the_deadline_as_unknown(behave: Behaviour) -> None:
    with raw_server(behave) as server:
        started = time.monotonic()
        outcome = gateway(server.url, read_timeout=1.0).charge(charge_request(deadline=0.3))
        took = time.monotonic() - started
    assert (outcome.kind, outcome.reason, outcome.opens_breaker) == (Kind.UNKNOWN, "deadline", True)
    assert 0.25 < took < 2


@pytest.mark.parametrize("behave", DRIPS[:4])
def test_a_drip_over_tls_ends_at_the_deadline_as_unknown(behave: Behaviour) -> None:
    with raw_server(behave, "good.pem") as server:
        started = time.monotonic()
        failure = client(server.url).call("POST", "/", body=b"{}", ends_at=started + 0.3)
        took = time.monotonic() - started
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.reason) == (Kind.UNKNOWN, "deadline")
    assert 0.25 < took < 2


def test_a_whole_charge_dripped_without_a_length_is_not_believed_when_the_deadline_cut_it() -> None:
    """Our own shutdown looks like the clean end of such a body; the bytes so far are a whole, matching charge."""
    request = charge_request(deadline=0.3)
    start = head("Connection: close") + encoded(charge_object(request))
    with raw_server(drips(start, b" ", interval=0.05)) as server:
        outcome = gateway(server.url).charge(request)
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "deadline")


def test_a_server_that_does_not_read_a_large_request_is_cut_off_at_the_deadline() -> None:
    def behave(_connection: socket.socket) -> None:
        time.sleep(3)

    with raw_server(behave) as server:
        started = time.monotonic()
        failure = client(server.url).call("POST", "/", body=b"x" * 20_000_000, ends_at=started + 0.4)
        took = time.monotonic() - started
    assert isinstance(failure, Failure)
    assert failure.kind is Kind.UNKNOWN
    assert took < 2


def test_a_look_up_spends_one_deadline_over_all_its_questions() -> None:
    def behave(connection: socket.socket) -> None:
        while True:
            receive(connection)
            time.sleep(0.3)
            connection.sendall(whole(b'{"object": "list", "data": [], "has_more": false}'))

    with raw_server(behave) as server:
        started = time.monotonic()
        question = look_up_of(charge_request(deadline=0.5))
        outcome = gateway(server.url).look_up(question)
        took = time.monotonic() - started
    assert outcome.kind is Kind.UNKNOWN
    assert took < 2


def test_the_worker_is_free_after_a_drip_and_other_calls_are_not_held_up() -> None:
    request = charge_request()
    good = whole(encoded(charge_object(request)))
    with raw_server(drips(b"", b"H", interval=0.05)) as slow, raw_server(says(good)) as quick:
        slow_gateway, quick_gateway = gateway(slow.url), gateway(quick.url)
        with ThreadPoolExecutor(40) as pool:
            started = time.monotonic()
            drips_ = [pool.submit(slow_gateway.charge, charge_request(deadline=0.5)) for _ in range(40)]
            assert quick_gateway.charge(request).kind is Kind.SUCCEEDED
            reasons = {future.result().reason for future in drips_}
            took = time.monotonic() - started
    assert reasons == {"deadline"}
    assert took < 1.5


def test_calls_that_are_over_leave_nothing_behind_to_be_cut_off() -> None:
    """A connection used by a call with a short deadline serves the next call long after that deadline."""
    request = charge_request(deadline=0.2)

    def behave(connection: socket.socket) -> None:
        for pause in (0.0, 0.4):
            receive(connection)
            time.sleep(pause)
            connection.sendall(whole(encoded(charge_object(request))))

    with raw_server(behave) as server:
        adapter = gateway(server.url, read_timeout=2)
        assert adapter.charge(request).kind is Kind.SUCCEEDED
        long = charge_request(payment_id=request.payment_id, deadline=5.0)
        assert adapter.charge(long).kind is Kind.SUCCEEDED
        assert server.connections == 1


def _calls_in_child(shared: HttpClient, result: Connection) -> None:
    for path in ("/whole", "/drip"):
        reply = shared.call("GET", path, ends_at=time.monotonic() + 0.4)
        result.send(reply.reason if isinstance(reply, Failure) else reply.status)


def test_a_forked_child_has_a_deadline_and_connections_of_its_own() -> None:
    """django-q2 forks its workers: threads do not come along, and a shared socket would mix two processes' replies."""

    def behave(connection: socket.socket) -> None:
        while receive(connection).startswith(b"GET /whole "):
            connection.sendall(whole(b"{}"))
        while True:
            connection.sendall(b"H")
            time.sleep(0.1)

    with raw_server(behave) as server:
        shared = client(server.url)
        assert isinstance(shared.call("GET", "/whole", ends_at=time.monotonic() + 1), Reply)
        assert any(thread.name == "gateway-deadlines" for thread in threading.enumerate())
        context = multiprocessing.get_context("fork")
        here, there = context.Pipe()
        child = context.Process(target=_calls_in_child, args=(shared, there))
        child.start()
        heard = [here.recv() for _ in range(2) if here.poll(5)]
        child.join(5)
        here.close()
        there.close()
        assert heard == [200, "deadline"]
        # The connection of the parent stayed the parent's, and still serves it.
        assert server.connections == 2
        assert isinstance(shared.call("GET", "/whole", ends_at=time.monotonic() + 1), Reply)
        assert server.connections == 2


def test_a_reply_within_the_deadline_is_a_reply() -> None:
    with raw_server(says(whole(b"{}"))) as server:
        reply = client(server.url).call("GET", "/", ends_at=time.monotonic() + 5)
    assert isinstance(reply, Reply)
    assert reply.body == b"{}"
