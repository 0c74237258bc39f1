"""A shop's endpoint in a process of its own, with a log of all that it gets (tests/support/receiver.py)."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import free_port

ROOT = Path(__file__).resolve().parents[2]
_PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Inbox:
    """url: where events go. log: what came, as tests/invariants reads it."""

    url: str
    log: Path


def command(port: int, log: Path) -> list[str]:
    """Return the command line of an endpoint; to be run in ROOT."""
    return [sys.executable, "-m", "tests.support.receiver", "--port", str(port), "--log", str(log)]


@contextmanager
def inbox_process(log: Path) -> Iterator[Inbox]:
    """Run an endpoint that takes everything, and yield it once it listens."""
    port = free_port()
    log.touch()
    process = subprocess.Popen(command(port, log), cwd=ROOT)
    try:
        _await(port)
        yield Inbox(f"http://127.0.0.1:{port}/events", log)
    finally:
        process.kill()
        process.wait()


def _await(port: int) -> None:
    ends = time.monotonic() + _PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)
        else:
            return
