"""Ends gateway calls at a total deadline, which `requests` does not have (requirement B1).

A read timeout starts again with every byte, so a server that drips one byte now and then holds a thread for as long
as it likes. Here one daemon thread looks over all calls under way and shuts down the socket of each that is over its
time; the thread that waits in `recv` then sees the end of the stream at once, for plain and for TLS sockets alike.
"""

import os
import socket
import threading
import time
from typing import Final

from urllib3.exceptions import ConnectTimeoutError

# A call ends at most this many seconds late; looking over a thousand calls this often costs well below 1 % of a core.
TICK: Final = 0.05


class ExpiredBeforeStartError(ConnectTimeoutError):
    """The deadline passed while the connection was being made: not one byte of the request was written."""


class Watch:
    """One call under way. `ends_at` is on the monotonic clock, in seconds.

    started: the first byte of the request may have been written. expired: the reaper ended the call.
    """

    __slots__ = ("_sock", "ends_at", "expired", "started")

    def __init__(self, ends_at: float) -> None:
        self.ends_at = ends_at
        self.started = False
        self.expired = False
        self._sock: socket.socket | None = None

    def remaining(self) -> float:
        """Return the seconds left; raise ExpiredBeforeStartError where there are none, so only while connecting."""
        left = self.ends_at - time.monotonic()
        if self.expired or left <= 0:
            raise ExpiredBeforeStartError("The deadline passed before the request was written.")
        return left

    def start(self, sock: socket.socket) -> None:
        """Hold `sock` until the call is over, and note that the request is about to be written to it."""
        self._sock = sock
        self.remaining()
        self.started = True

    def expire(self) -> None:
        """Wake the waiting thread. Never closes: closing belongs to the thread that owns the connection."""
        self.expired = True
        sock = self._sock
        if sock is not None:
            try:
                # The plain method, also for TLS: SSLSocket.shutdown would take the TLS object away from a reader.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
            except OSError:
                return  # already closed, so nobody waits for it


class Reaper:
    """The thread that expires watches; started at the first call, and anew in a forked child."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything: threads do not survive a fork, and a lock held at that moment stays held for ever."""
        self._lock = threading.Lock()
        self._watches: dict[int, Watch] = {}
        self._wake = threading.Event()
        self._running = False

    def add(self, watch: Watch) -> None:
        if not self._running:
            self._start()
        self._watches[id(watch)] = watch
        if not self._wake.is_set():
            self._wake.set()

    def remove(self, watch: Watch) -> None:
        # Under the lock: a call that is over can then not be expired any more.
        with self._lock:
            self._watches.pop(id(watch), None)

    def _start(self) -> None:
        with self._lock:
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="gateway-deadlines", daemon=True).start()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._expire_due()
            if not self._watches:
                # Cleared first and looked at again, or a call added in between would not be watched.
                self._wake.clear()
                if not self._watches:
                    continue
                self._wake.set()
            time.sleep(TICK)

    def _expire_due(self) -> None:
        now = time.monotonic()
        with self._lock:
            for watch in [watch for watch in list(self._watches.values()) if watch.ends_at <= now]:
                self._watches.pop(id(watch), None)
                watch.expire()


REAPER: Final = Reaper()
os.register_at_fork(after_in_child=REAPER.reset)
