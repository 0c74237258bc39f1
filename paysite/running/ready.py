"""Waits until servers answer, over plain sockets: a proxy named in the environment has no say about 127.0.0.1."""

import http.client
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

QUESTION_TIMEOUT = 5.0
TAIL_LINES = 25


@dataclass(frozen=True)
class Probe:
    """An address that answers 2xx or 3xx once its program works."""

    name: str
    host: str
    port: int
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def answers(self) -> bool:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=QUESTION_TIMEOUT)
        try:
            connection.request("GET", self.path, headers=dict(self.headers))
            return connection.getresponse().status < 400
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def first_silent(probes: list[Probe], *, seconds: float, give_up: Callable[[], bool]) -> Probe | None:
    """Wait until all `probes` answer and return None, or return one that does not after `seconds` or at `give_up()`."""
    deadline = time.monotonic() + seconds
    waiting = list(probes)
    while waiting:
        if waiting[0].answers():
            waiting.pop(0)
        elif give_up() or time.monotonic() > deadline:
            return waiting[0]
        else:
            time.sleep(0.1)
    return None


def tail(log: Path) -> str:
    """Return the last lines of a log file, indented, for a message about the program that wrote it."""
    if not log.exists():
        return "    (no log)"
    lines = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n".join(f"    {line}" for line in lines) or "    (the log is empty)"
