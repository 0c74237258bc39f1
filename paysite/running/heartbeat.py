"""Asks the database whether the background work still beats, beside the supervisor, which must never wait for it."""

import logging
import threading
import time
from collections.abc import Callable

from django.db import Error, close_old_connections

log = logging.getLogger(__name__)

SECONDS_BETWEEN_QUESTIONS = 1.0
# A loop that was killed keeps its slot until its lease ends; whoever wakes a new one has to come back.
SECONDS_BETWEEN_WAKES = 3.0
# A beat this recent means that a loop works at this moment; between one loop and its successor beats may look older.
RECENT_SECONDS = 5.0
# An answer older than this is no evidence: the database is slow or away, and a new cluster would not help.
ANSWER_LIFE_SECONDS = 10.0


class Heartbeat:
    """Tells whether the cluster beats, from answers that a thread fetches.

    `seconds_since_last_beat` returns None where nothing has ever beaten. `wake` enqueues the work that beats, if there
    is none.
    `limit`: seconds without a recent beat after which the cluster counts as hanging.
    """

    def __init__(
        self, seconds_since_last_beat: Callable[[], float | None], wake: Callable[[], object], *, limit: float
    ) -> None:
        self._seconds_since_last_beat = seconds_since_last_beat
        self._wake = wake
        self._limit = limit
        self._seen_at = time.monotonic()
        self._answered_at = float("-inf")
        self._wake_at = float("-inf")

    def watch(self) -> None:
        """Start asking. The thread ends with the process."""
        threading.Thread(target=self._ask_for_ever, name="heartbeat", daemon=True).start()

    def is_beating(self) -> bool:
        """Return False only on evidence: the database answers, and has shown no recent beat for `limit` seconds."""
        now = time.monotonic()
        return now - self._answered_at > ANSWER_LIFE_SECONDS or now - self._seen_at <= self._limit

    def ask_once(self) -> None:
        """Fetch one answer. A database that does not answer is reported, and is no evidence against the cluster."""
        try:
            close_old_connections()
            if time.monotonic() >= self._wake_at:
                self._wake()
                self._wake_at = time.monotonic() + SECONDS_BETWEEN_WAKES
            age = self._seconds_since_last_beat()
        except Error as error:
            log.warning("The heartbeat could not be read: %s", error)
            return
        self._answered_at = time.monotonic()
        if age is not None and age <= RECENT_SECONDS:
            self._seen_at = self._answered_at - age

    def _ask_for_ever(self) -> None:
        while True:
            self.ask_once()
            time.sleep(SECONDS_BETWEEN_QUESTIONS)
