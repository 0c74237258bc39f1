"""A mail server of a few lines, over a real socket, that keeps what it gets or refuses it."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class SmtpServer(socketserver.ThreadingTCPServer):
    """Listens on a free port. refuses: answer to RCPT, such as `550 nobody here`. most: connections at one time."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.messages: list[bytes] = []
        self.refuses = ""
        self.open_now = self.most = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: SmtpServer

    def handle(self) -> None:
        with self.server.lock:
            self.server.open_now += 1
            self.server.most = max(self.server.most, self.server.open_now)
        try:
            self._say("220 test")
            while line := self.rfile.readline():
                if not self._answer(line.strip().upper()):
                    return
        finally:
            with self.server.lock:
                self.server.open_now -= 1

    def _answer(self, command: bytes) -> bool:
        if command == b"DATA":
            self._say("354 go on")
            self.server.messages.append(b"".join(iter(self.rfile.readline, b".\r\n")))
        if command.startswith(b"RCPT") and self.server.refuses:
            self._say(self.server.refuses)
            return True
        self._say("221 bye" if command == b"QUIT" else "250 fine")
        return command != b"QUIT"

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def smtp_server() -> Iterator[SmtpServer]:
    """Run a mail server while the block runs."""
    with SmtpServer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server
        server.shutdown()
