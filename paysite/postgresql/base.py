"""Django's PostgreSQL backend, with two savings for the paths that are run most (docs/performance.md).

A check of kept connections that costs the database nothing: Django asks `SELECT 1` before the first use in each
request, a fifth of what accepting a payment costs the database. But a connection that the server has ended tells so
by its socket. And statements may be prepared, by the cursors that want to (payments/prepared.py).
"""

import select
from typing import Any, Final

from django.db.backends.postgresql import base

# A statement that has run this often on a connection is kept prepared (psycopg's own default).
PREPARE_THRESHOLD: Final = 5


class DatabaseWrapper(base.DatabaseWrapper):
    """What settings.DATABASES names as ENGINE; Django wants this name in this module."""

    def get_connection_params(self) -> dict[str, Any]:
        """Return psycopg's arguments; Django's own cursors prepare nothing all the same."""
        return {**super().get_connection_params(), "prepare_threshold": PREPARE_THRESHOLD}

    def is_usable(self) -> bool:
        """Say whether the connection works; the server is asked only where the idle socket has something to read."""
        if self.connection is None or self.connection.closed:
            return False
        socket = select.poll()  # not select.select, which knows only the first 1,024 descriptors
        socket.register(self.connection.fileno(), select.POLLIN)
        return not socket.poll(0) or super().is_usable()
