"""The web server as it runs: granian with our reader of bodies, asked over real sockets (bad inputs B64–B69)."""

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from paysite import rsgi
from paysite.running.plan import web_server
from tests.support.processes import free_port, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once]


@dataclass
class Reply:
    status: int
    headers: str
    body: str


class Site:
    """A running server."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def send(self, request: str, *, close_sending: bool = False) -> Reply:
        with self.connect() as connection:
            connection.sendall(request.encode("latin-1"))
            if close_sending:
                connection.shutdown(socket.SHUT_WR)
            return read(connection)


def read(connection: socket.socket) -> Reply:
    """Read one answer, whose length its head declares; an answer that never comes is status 0."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            return Reply(0, "", "")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += connection.recv(65536)
    return Reply(int(head[9:12]), head.decode("latin-1").lower(), body.decode("latin-1"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with serve(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@contextmanager
def serve(log: Path) -> Iterator[Site]:
    port = free_port()
    command = [part.replace("paysite.server", "tests.paysite.slow_site") for part in web_server("127.0.0.1", port)]
    command[command.index("--workers") + 1] = "1"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "paysite.settings"}
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output)
    running = Site(process, port)
    try:
        wait_until(lambda: answers(running), seconds=20, what="an answer")
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(site: Site) -> bool:
    try:
        return site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200
    except OSError:
        return False


def post(body: str, *headers: str, path: str = "/") -> str:
    return f"POST {path} HTTP/1.1\r\nHost: a\r\n" + "".join(f"{line}\r\n" for line in headers) + f"\r\n{body}"


def test_a_whole_body_reaches_the_site(site: Site) -> None:
    reply = site.send(post("x" * 5000, "Content-Length: 5000"))
    assert (reply.status, reply.body) == (200, "POST 5000 HTTP_HOST=a")


def test_a_request_without_a_body_reaches_the_site(site: Site) -> None:
    assert site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").body == "GET 0 HTTP_HOST=a"


def test_repeated_headers_are_joined_and_names_with_underscores_are_dropped(site: Site) -> None:
    reply = site.send(
        "GET / HTTP/1.1\r\nHost: a\r\nX-Key: 1\r\nX-Key: 2\r\nX_Key: 3\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
    )
    assert reply.body == "GET 0 HTTP_COOKIE=a=1; b=2|HTTP_HOST=a|HTTP_X_KEY=1,2"


@pytest.mark.parametrize(
    ("request_text", "status", "code"),
    [
        (post("ZZ\r\nabc\r\n0\r\n\r\n", "Transfer-Encoding: chunked"), 400, "length_required"),
        (post("abc", "Content-Length: 10"), 400, "body_cut_off"),
        (post("abc", "Content-Length: 1048577"), 413, "body_too_large"),
        (post("abc", "Content-Length: 10737418240"), 413, "body_too_large"),
    ],
    ids=["bad chunk", "short body", "one byte too many", "ten gigabytes announced"],
)
def test_a_body_that_cannot_be_read_is_refused_and_the_connection_closed(
    site: Site, request_text: str, status: int, code: str
) -> None:
    reply = site.send(request_text, close_sending=True)
    problem = json.loads(reply.body)
    assert (reply.status, problem["code"], problem["status"]) == (status, code, status)
    assert "content-type: application/problem+json" in reply.headers
    assert "connection: close" in reply.headers


@pytest.mark.parametrize(
    "headers",
    [("Transfer-Encoding: chunked", "Content-Length: 5"), ("Content-Length: 5", "Transfer-Encoding: chunked")],
)
def test_a_request_with_both_a_length_and_chunks_is_refused(site: Site, headers: tuple[str, str]) -> None:
    reply = site.send(post("3\r\nabc\r\n0\r\n\r\n", *headers))
    assert reply.status == 400
    assert "connection: close" in reply.headers


@pytest.mark.parametrize("length", ["+5", "5, 6", "5a", "-1", "9" * 30])
def test_a_length_that_is_no_number_is_refused(site: Site, length: str) -> None:
    assert site.send(post("abcde", f"Content-Length: {length}")).status == 400


def test_clients_that_send_their_bodies_slowly_hold_up_nobody_and_are_ended_after_ten_seconds(site: Site) -> None:
    slow = [site.connect() for _ in range(20)]  # five times as many as there are threads
    began = time.monotonic()
    for connection in slow:
        connection.sendall(post("abc", "Content-Length: 100").encode())
    asked = time.monotonic()
    assert site.send(post("abc", "Content-Length: 3")).status == 200
    assert time.monotonic() - asked < 1.0
    replies = [read(connection) for connection in slow]
    assert {reply.status for reply in replies} == {408}
    assert rsgi.BODY_SECONDS - 0.5 < time.monotonic() - began < rsgi.BODY_SECONDS + 2
    for connection in slow:
        connection.close()


def test_an_error_outside_the_sites_own_handling_costs_no_thread(site: Site) -> None:
    assert [site.send("GET /0.001 HTTP/1.1\r\nHost: a\r\n\r\n").status for _ in range(8)] == [500] * 8
    assert site.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status == 200


def test_requests_in_progress_are_answered_when_the_server_is_told_to_stop(tmp_path: Path) -> None:
    with serve(tmp_path / "log") as site:
        replies: list[int] = []

        def ask() -> None:
            replies.append(site.send("GET /2 HTTP/1.1\r\nHost: a\r\n\r\n").status)

        threads = [threading.Thread(target=ask) for _ in range(8)]  # four run, four wait for a thread
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        site.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join()
        assert site.process.wait(timeout=10) == 0
        assert replies == [200] * 8
