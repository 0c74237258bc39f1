"""Databases for tests with processes of their own, which cannot see the transaction that rolls other tests back."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from django.db import connection
from psycopg import sql


@contextmanager
def fresh_database(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the environment of processes with an empty database of the kind under test and `folder` as theirs.

    Never the database that DATABASE_URL names, and never the test run's: a new one, dropped at the end.
    """
    environment = {"PAYSITE_VAR": str(folder), "DATABASE_URL": ""}
    if connection.vendor == "sqlite":
        yield environment
        return
    settings = connection.settings_dict
    server = f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    name = f"paysite_processes_{secrets.token_hex(6)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as postgres:
        postgres.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        try:
            yield {**environment, "DATABASE_URL": f"{server}/{name}"}
        finally:
            postgres.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
