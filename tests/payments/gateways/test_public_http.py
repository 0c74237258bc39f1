"""Calls to addresses that somebody else chose reach the public internet only (bad input B100; invariant 34)."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from payments.gateways import public_connections, public_http
from payments.gateways.addresses import NOT_PUBLIC
from payments.gateways.base import Kind
from payments.gateways.errors import Failure
from payments.gateways.http import Reply
from payments.gateways.public_http import MOST_BODY, PublicClient, post
from tests.payments.gateways.raw import CERTIFICATES, RawServer, drips, head, raw_server, receive, says, silent, whole

Resolver = Callable[..., list[Any]]


def call(url: str, *, allow_loopback: bool = True, within: float = 2.0) -> Reply | Failure:
    return post(url, b"{}", {"X-Test": "1"}, within=within, allow_loopback=allow_loopback)


class Names:
    """Stands in for the resolver: each name leads to its addresses, one after the other where there are `turns`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._real = socket.getaddrinfo
        self._known: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self._getaddrinfo)

    def lead(self, name: str, *turns: list[str]) -> None:
        self._known[name] = list(turns)

    def _getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        self.asked.append(str(host))
        if host not in self._known:
            return self._real(host, port, *args, **kwargs)
        turns = self._known[host]
        addresses = turns.pop(0) if len(turns) > 1 else turns[0]
        return [entry for address in addresses for entry in self._real(address, port, type=socket.SOCK_STREAM)]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture(autouse=True)
def _no_client_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_http, "_clients", public_http._Clients())


def assert_refused(answer: Reply | Failure, server: RawServer) -> None:
    assert isinstance(answer, Failure)
    assert answer.kind is Kind.NOT_SENT
    assert NOT_PUBLIC in answer.message
    assert server.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0"])
def test_this_machine_is_not_called_in_any_spelling(host: str) -> None:
    with raw_server(says(whole(b"{}"))) as server:
        assert_refused(call(f"http://{host}:{server.port}/", allow_loopback=False), server)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "fc00::1",
        "fec0::1",
    ],
)
def test_a_name_that_leads_to_a_private_address_is_not_called(names: Names, address: str) -> None:
    with raw_server(says(whole(b"{}"))) as server:
        names.lead("shop.example", [address])
        assert_refused(call(f"http://shop.example:{server.port}/", allow_loopback=False), server)


def test_one_private_address_among_public_ones_is_enough_to_refuse(names: Names) -> None:
    with raw_server(says(whole(b"{}"))) as server:
        names.lead("shop.example", ["8.8.8.8", "127.0.0.1"])
        assert_refused(call(f"http://shop.example:{server.port}/", allow_loopback=False), server)


def test_the_demo_may_call_this_machine_and_no_other_private_one(names: Names) -> None:
    with raw_server(says(whole(b"{}"))) as server:
        names.lead("shop.example", ["10.0.0.1"])
        assert_refused(call(f"http://shop.example:{server.port}/"), server)
        answer = call(f"{server.url}/")
        assert isinstance(answer, Reply)
        assert answer.status == 200


def test_a_name_is_resolved_once_and_the_checked_address_is_called(names: Names) -> None:
    """DNS rebinding: the second look-up would lead elsewhere, and is never made."""
    with raw_server(says(whole(b"{}"))) as server:
        names.lead("shop.example", ["127.0.0.1"], ["10.0.0.1"])
        answer = call(f"http://shop.example:{server.port}/")
        assert isinstance(answer, Reply)
        assert names.asked.count("shop.example") == 1


def test_a_new_connection_is_checked_anew(names: Names) -> None:
    with raw_server(says(whole(b"{}", "200 OK", "Connection: close"))) as server:
        names.lead("shop.example", ["127.0.0.1"], ["10.0.0.1"])
        assert isinstance(call(f"http://shop.example:{server.port}/"), Reply)
        answer = call(f"http://shop.example:{server.port}/")
        assert isinstance(answer, Failure)
        assert NOT_PUBLIC in answer.message
        assert server.connections == 1


def test_the_private_address_itself_is_told_to_nobody(names: Names) -> None:
    names.lead("shop.example", ["10.11.12.13"])
    answer = call("http://shop.example:9999/")
    assert isinstance(answer, Failure)
    assert "10.11.12.13" not in answer.message


def test_of_several_addresses_the_next_is_tried_where_one_refuses(names: Names) -> None:
    with raw_server(says(whole(b"{}"))) as server:
        names.lead("shop.example", ["::1", "127.0.0.1"])
        assert isinstance(call(f"http://shop.example:{server.port}/"), Reply)


def test_tls_is_verified_against_the_name_and_not_the_address(names: Names) -> None:
    with raw_server(says(whole(b"{}")), certificate="good.pem") as server:
        names.lead("shop.example", ["127.0.0.1"])
        url = f"https://shop.example:{server.port}"
        client = PublicClient(url, allow_loopback=True, read_timeout=2, ca_file=str(CERTIFICATES / "good.pem"))
        answer = client.call("POST", "/", ends_at=time.monotonic() + 2, body=b"{}")
        assert isinstance(answer, Failure)
        assert (answer.kind, answer.reason) == (Kind.NOT_SENT, "tls")
        assert "shop.example" in answer.message


def test_a_good_certificate_is_taken() -> None:
    with raw_server(says(whole(b"{}")), certificate="good.pem") as server:
        client = PublicClient(server.url, allow_loopback=True, read_timeout=2, ca_file=str(CERTIFICATES / "good.pem"))
        answer = client.call("POST", "/", ends_at=time.monotonic() + 2, body=b"{}")
        assert isinstance(answer, Reply)


def test_a_certificate_of_nobody_known_is_refused() -> None:
    with raw_server(says(whole(b"{}")), certificate="good.pem") as server:
        answer = call(f"{server.url}/")
        assert isinstance(answer, Failure)
        assert (answer.kind, answer.reason) == (Kind.NOT_SENT, "tls")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_comes_back_as_it_is(status: int) -> None:
    with raw_server(says(whole(b"{}"))) as target:
        redirect = whole(b"", f"{status} Moved", f"Location: {target.url}/")
        with raw_server(says(redirect)) as server:
            answer = call(f"{server.url}/")
            assert isinstance(answer, Reply)
            assert answer.status == status
        assert target.connections == 0


def test_path_and_query_are_sent_as_given() -> None:
    seen: list[bytes] = []

    def behave(connection: socket.socket) -> None:
        seen.append(receive(connection))
        connection.sendall(whole(b"{}", "200 OK", "Connection: close"))

    with raw_server(behave) as server:
        call(f"{server.url}/a%20b?key=1&x=%2F")
        call(server.url)
    assert seen[0].startswith(b"POST /a%20b?key=1&x=%2F HTTP/1.1\r\n")
    assert f"Host: 127.0.0.1:{server.port}".encode() in seen[0]
    assert seen[1].startswith(b"POST / HTTP/1.1\r\n")


def test_a_connection_is_used_again() -> None:
    def behave(connection: socket.socket) -> None:
        while True:
            receive(connection)
            connection.sendall(whole(b"{}"))

    with raw_server(behave) as server:
        for _ in range(5):
            assert isinstance(call(f"{server.url}/"), Reply)
        assert server.connections == 1


@pytest.mark.parametrize("size", [MOST_BODY - 1, MOST_BODY, MOST_BODY + 1, 5_000_000])
def test_of_a_body_no_more_than_64_kilobytes_are_read(size: int) -> None:
    with raw_server(says(whole(b"x" * size))) as server:
        answer = call(f"{server.url}/")
        assert isinstance(answer, Reply)
        assert (answer.status, len(answer.body)) == (200, min(size, MOST_BODY))


def test_a_body_without_end_is_cut() -> None:
    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(head())
        while True:
            connection.sendall(b"x" * 65536)

    with raw_server(behave) as server:
        answer = call(f"{server.url}/")
        assert isinstance(answer, Reply)
        assert len(answer.body) == MOST_BODY


def test_nothing_is_unpacked() -> None:
    with raw_server(says(whole(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip"))) as server:
        answer = call(f"{server.url}/")
        assert isinstance(answer, Reply)
        assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    "behave", [silent, drips(b"", b"H", interval=0.05), drips(head("Content-Length: 9999"), b"x", interval=0.05)]
)
def test_the_whole_call_ends_at_its_deadline(behave: Any) -> None:
    with raw_server(behave) as server:
        begun = time.monotonic()
        answer = call(f"{server.url}/", within=0.5)
        assert time.monotonic() - begun < 1.0
        assert isinstance(answer, Failure)


def test_clients_are_kept_per_host_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(public_http, "_HOSTS", 2)
    clients = public_http._Clients()

    def client(number: int) -> PublicClient:
        return clients.get(f"http://shop-{number}.example", allow_loopback=False, read_timeout=1)

    first, second = client(1), client(2)
    assert client(1) is first
    client(3)
    assert client(1) is first
    assert client(2) is not second


@pytest.mark.parametrize(
    "url",
    ["https://[v1.x]/events", "https://[2606:4700::1111];x", "https://[::1", "", "x", "https://a:b:c/", "ftp://a/"],
)
def test_an_address_that_nobody_can_call_is_a_failure_and_no_exception(url: str) -> None:
    answer = call(url)
    assert isinstance(answer, Failure)
    assert answer.reason == "unusable"


class SlowRefusals:
    """Stands in for connections to addresses that refuse, each after some seconds; notes their time-outs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, names: Names, after: float) -> None:
        self.timeouts: list[float] = []
        self._after = after
        names.lead("many.example", [f"8.8.8.{number}" for number in range(30)])
        monkeypatch.setattr(public_connections, "create_connection", self._create_connection)

    def _create_connection(self, _: Any, timeout: float, **__: Any) -> None:
        self.timeouts.append(timeout)
        time.sleep(self._after)
        raise ConnectionRefusedError


def test_of_many_addresses_that_refuse_four_are_tried(monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
    slow = SlowRefusals(monkeypatch, names, 0.01)
    answer = call("http://many.example/")
    assert isinstance(answer, Failure)
    assert (answer.kind, answer.reason) == (Kind.NOT_SENT, "refused")
    assert len(slow.timeouts) == 4


def test_the_deadline_holds_over_all_addresses_together(monkeypatch: pytest.MonkeyPatch, names: Names) -> None:
    slow = SlowRefusals(monkeypatch, names, 0.2)
    begun = time.monotonic()
    answer = call("http://many.example/", within=0.5)
    assert time.monotonic() - begun < 0.8
    assert isinstance(answer, Failure)
    assert answer.kind is Kind.NOT_SENT
    assert len(slow.timeouts) == 3
    assert slow.timeouts[0] > slow.timeouts[1] + 0.15 > slow.timeouts[2] + 0.3
