"""Bodies that are too large, compressed, or not what they claim to be: unknown, with the memory flat."""

import gzip
import socket
import time
import tracemalloc

import pytest

from payments.gateways.base import Kind
from payments.gateways.http import MAX_BODY
from tests.payments.gateways.builders import charge_object, charge_request, encoded, gateway
from tests.payments.gateways.raw import head, raw_server, receive, says, whole

MEGABYTE = 1_000_000


@pytest.mark.parametrize("framing", ["Content-Length: 100000000", "Connection: close"])
def test_a_body_of_100_megabytes_is_unknown_and_the_memory_stays_flat(framing: str) -> None:
    sent = []

    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(head(framing))
        for _ in range(100):
            connection.sendall(b" " * MEGABYTE)
            sent.append(MEGABYTE)

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        tracemalloc.start()
        outcome = adapter.charge(charge_request())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "body_too_large")
    # The cap, the piece that passed it, and one megabyte that the server in this process had in hand.
    assert peak < MAX_BODY + 4 * MEGABYTE
    assert sum(sent) < 30 * MEGABYTE


def test_a_chunked_body_that_never_ends_is_unknown() -> None:
    chunk = b"%x\r\n%s\r\n" % (MEGABYTE, b" " * MEGABYTE)
    with raw_server(says(head("Transfer-Encoding: chunked"), chunk, chunk, chunk)) as server:
        outcome = gateway(server.url).charge(charge_request())
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "body_too_large")


def test_a_whole_charge_in_a_body_just_under_the_cap_is_believed() -> None:
    request = charge_request()
    body = encoded(charge_object(request))
    with raw_server(says(whole(body + b" " * (MAX_BODY - len(body))))) as server:
        assert gateway(server.url).charge(request).kind is Kind.SUCCEEDED


def test_a_gzip_bomb_is_refused_unread() -> None:
    request = charge_request()
    bomb = gzip.compress(encoded(charge_object(request)) + b" " * 50 * MEGABYTE)
    with raw_server(says(whole(bomb, "200 OK", "Content-Encoding: gzip"))) as server:
        adapter = gateway(server.url)
        tracemalloc.start()
        outcome = adapter.charge(request)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "body_encoded")
    assert peak < 2 * MEGABYTE


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x-surprise"])
def test_any_encoded_body_is_unknown_since_we_asked_for_none(encoding: str) -> None:
    request = charge_request()
    reply = whole(encoded(charge_object(request)), "200 OK", f"Content-Encoding: {encoding}")
    with raw_server(says(reply)) as server:
        outcome = gateway(server.url).charge(request)
    assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "body_encoded")


def test_a_request_asks_for_unencoded_json_with_our_secret_and_key() -> None:
    seen = []

    def behave(connection: socket.socket) -> None:
        seen.append(receive(connection))

    request = charge_request(key="pay_1-a1", payment_id="pay_1", metadata={"orderID": "o1"}, return_url="http://x/y")
    with raw_server(behave) as server:
        gateway(server.url, secret="sk_sandbox_test").charge(request)
    head_, _, body = seen[0].partition(b"\r\n\r\n")
    lines = head_.split(b"\r\n")
    assert lines[0] == b"POST /v1/charges HTTP/1.1"
    for line in (
        b"Accept-Encoding: identity",
        b"Authorization: Bearer sk_sandbox_test",
        b"Idempotency-Key: pay_1-a1",
        b"Content-Type: application/json",
    ):
        assert lines.count(line) == 1, line
    assert body == (
        b'{"amount":1000,"currency":"USD","token":"tok_success","reference":"pay_1","return_url":"http://x/y",'
        b'"metadata":{"orderID":"o1"}}'
    )


def test_a_redirect_is_unknown_and_never_followed() -> None:
    with raw_server(says(whole(b"{}"))) as elsewhere:
        location = f"Location: {elsewhere.url}/v1/charges"
        for status in ("301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"):
            with raw_server(says(whole(b"", status, location))) as server:
                outcome = gateway(server.url).charge(charge_request())
            assert (outcome.kind, outcome.reason) == (Kind.UNKNOWN, "redirect"), status
        assert elsewhere.connections == 0


def test_a_proxy_in_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    request = charge_request()
    with raw_server(says(whole(b"{}"))) as proxy, raw_server(says(whole(encoded(charge_object(request))))) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        assert gateway(server.url).charge(request).kind is Kind.SUCCEEDED
        assert proxy.connections == 0


def test_connections_are_kept_alive_and_shared() -> None:
    request = charge_request()

    def behave(connection: socket.socket) -> None:
        while True:
            receive(connection)
            connection.sendall(whole(encoded(charge_object(request))))

    with raw_server(behave) as server:
        adapter = gateway(server.url)
        assert {adapter.charge(request).kind for _ in range(20)} == {Kind.SUCCEEDED}
        assert server.connections == 1


def test_a_connection_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.gateways.connections.MAX_IDLE", 0.05)
    request = charge_request()
    with raw_server(says(whole(encoded(charge_object(request))), pause=1.0)) as server:
        adapter = gateway(server.url)
        adapter.charge(request)
        time.sleep(0.1)
        adapter.charge(request)
        assert server.connections == 2
