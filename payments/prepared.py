"""Runs the hottest statements prepared: PostgreSQL reads and plans them once per connection instead of every time."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


@contextmanager
def prepared_cursor() -> Iterator[Any]:
    """Yield a cursor for statements that are run over and over with other values.

    psycopg prepares a statement once it has run a few times (paysite/postgresql). Elsewhere
    than on PostgreSQL this is an ordinary cursor.
    """
    with connection.cursor() as ordinary:
        if connection.vendor != "postgresql":
            yield ordinary
            return
        from django.db.backends.postgresql import base

        server_binding: Any = base.ServerBindingCursor  # the stubs describe psycopg 2's
        with connection.make_cursor(server_binding(connection.connection)) as cursor:
            yield cursor
