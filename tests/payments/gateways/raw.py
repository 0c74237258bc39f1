"""A server that says exactly the bytes it is told to, for everything that no proper server would do."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CERTIFICATES: Final = Path(__file__).parent / "certificates"

Behaviour = Callable[[socket.socket], None]


class RawServer:
    """Runs `behave` with each connection, in a thread of its own. `requests`: what was read by `receive`."""

    def __init__(self, behave: Behaviour, certificate: str = "") -> None:
        self._behave = behave
        self._tls: ssl.SSLContext | None = None
        if certificate:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(CERTIFICATES / certificate)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self.port}"
        self.connections = 0
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()
        for connection in self._open:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self._open.append(connection)
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            self._behave(connection)
        except OSError:
            return  # the client went, which many tests are about
        finally:
            connection.close()


@contextmanager
def raw_server(behave: Behaviour, certificate: str = "") -> Iterator[RawServer]:
    server = RawServer(behave, certificate)
    try:
        yield server
    finally:
        server.close()


def receive(connection: socket.socket) -> bytes:
    """Read one whole request with its body; raise ConnectionError where the client went before."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while lengths and len(body) < int(lengths[0]):
        body += _more(connection)
    return head + b"\r\n\r\n" + body


def _more(connection: socket.socket) -> bytes:
    piece = connection.recv(65536)
    if not piece:
        raise ConnectionError("The client closed.")
    return piece


def says(*pieces: bytes, pause: float = 0.0) -> Behaviour:
    """Return a behaviour that reads a request, sends `pieces` with a pause after each, and closes."""

    def behave(connection: socket.socket) -> None:
        receive(connection)
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(pause)

    return behave


def drips(start: bytes, byte: bytes, *, interval: float) -> Behaviour:
    """Return a behaviour that sends `start`, and then one byte each `interval` seconds for ever."""

    def behave(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(start)
        while True:
            connection.sendall(byte)
            time.sleep(interval)

    return behave


def silent(connection: socket.socket) -> None:
    """Read a request and never answer."""
    receive(connection)
    connection.recv(1)


def reset(connection: socket.socket) -> None:
    """Close with RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    # A TLS or buffered wrapper must not keep the descriptor open.
    connection.close()


def head(*lines: str, status: str = "200 OK") -> bytes:
    """Return a status line and headers."""
    return "\r\n".join([f"HTTP/1.1 {status}", "Content-Type: application/json", *lines, "", ""]).encode()


def whole(body: bytes, status: str = "200 OK", *lines: str) -> bytes:
    """Return a whole reply."""
    return head(f"Content-Length: {len(body)}", *lines, status=status) + body
