"""A proxy in front of a sandbox gateway that keeps its clients' connections alive, and breaks one when told."""

import contextlib
import http.client
import socket
from types import TracebackType
from typing import Self

from tests.payments.gateways.raw import RawServer, receive, reset, whole
from tests.sandbox import SandboxProcess


class Middleman:
    """charges: how many charge requests passed; each connection serves as many requests as its client sends."""

    def __init__(self, gateway: SandboxProcess) -> None:
        self._gateway = gateway
        self._breaks = False
        self.charges = 0
        self._server = RawServer(self._serve)

    @property
    def url(self) -> str:
        return self._server.url

    def break_next_charge(self) -> None:
        """Pass the next charge on, and answer its client with a reset on the connection it has used before."""
        self._breaks = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.close()

    def _serve(self, connection: socket.socket) -> None:
        served = 0
        with contextlib.suppress(ConnectionError):
            while True:
                raw = receive(connection)
                line = raw.partition(b"\r\n")[0]
                is_charge = line.startswith(b"POST /v1/charges ")
                self.charges += is_charge
                status, body = self._pass_on(raw)
                if is_charge and self._breaks and served:
                    self._breaks = False
                    reset(connection)
                    return
                connection.sendall(whole(body, status))
                served += 1

    def _pass_on(self, raw: bytes) -> tuple[str, bytes]:
        head, _, body = raw.partition(b"\r\n\r\n")
        line, *lines = head.decode().split("\r\n")
        method, path, _ = line.split(" ")
        headers = dict(each.split(": ", 1) for each in lines)
        away = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=5)
        try:
            away.request(method, path, body=body, headers=headers)
            reply = away.getresponse()
            return f"{reply.status} {reply.reason}", reply.read()
        finally:
            away.close()
