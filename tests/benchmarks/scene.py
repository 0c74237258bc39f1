"""Where the benchmark happens: a private PostgreSQL with three equal databases, and Django set up on one of them.

In `paysite`, Django's own here, payments are settled; `accepting` takes those that are only accepted; in `limit`
pgbench works. So nobody finds work of another.
"""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg

from paysite.launcher_environment import make
from tests.benchmarks.processor import parent_of
from tests.support.postgres import find_binaries, private_postgres
from tests.support.processes import free_port

# Durable as in production; the rest is what anybody sets on a machine of this size, so that no checkpoint interferes.
POSTGRES: Final = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "30min",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """url: of the server, without a database's name. postmaster: process id of the database server."""

    folder: Path
    url: str
    api_key: str
    client_id: int
    postmaster: int
    binaries: Path
    gateway_port: int

    def database(self, name: str) -> str:
        return f"{self.url}/{name}"

    def ask(self, database: str, query: str) -> Any:
        """Return the one row that `query` finds, or the one value of that row."""
        with psycopg.connect(self.database(database), autocommit=True) as connection:
            row = connection.execute(query).fetchone()
        return row[0] if row is not None and len(row) == 1 else row

    def checkpoint(self) -> None:
        """Let every measurement begin with nothing left to be written by others."""
        with psycopg.connect(self.database("limit"), autocommit=True) as connection:
            connection.execute("CHECKPOINT")


@contextmanager
def scene() -> Iterator[Scene]:
    """Yield the scene, with Django set up; everything is gone afterwards."""
    if find_binaries() is None:
        make("requirements-postgres.txt")
    binaries = find_binaries()
    if binaries is None:
        raise RuntimeError("There are no PostgreSQL server binaries on this machine.")
    with (
        tempfile.TemporaryDirectory(prefix="paysite-bench-") as folder,
        private_postgres(fsync=True, settings=POSTGRES) as url,
    ):
        port = free_port()
        os.environ.update(
            PAYSITE_MODE="demo",
            PAYSITE_VAR=folder,
            DATABASE_URL=url,
            PAYSITE_PRIMARY_URL=f"http://127.0.0.1:{port}",
            DJANGO_SETTINGS_MODULE="paysite.settings",
        )
        server = url.rpartition("/")[0]
        client_id, api_key = _prepare(server)
        with psycopg.connect(f"{server}/limit") as connection:
            postmaster = parent_of(connection.info.backend_pid)
        yield Scene(Path(folder), server, api_key, client_id, postmaster, binaries, port)


def _prepare(server: str) -> tuple[int, str]:
    """Make the three databases; return the shop's id and key, which are the same in all of them."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    from payments.models import SCOPES, ApiKey, Client

    call_command("migrate", verbosity=0, interactive=False)
    client = Client.objects.create(slug="bench", name="Benchmark", form_secret=secrets.token_hex(16))
    _, api_key = ApiKey.issue(client=client, scopes=list(SCOPES), mode=ApiKey.Mode.TEST, label="benchmark")
    connections.close_all()
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        for name in ("accepting", "limit"):
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE paysite')
    return client.pk, api_key


def password_of(url: str) -> str:
    return urlsplit(url).password or ""
