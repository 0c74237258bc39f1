"""A whole site of its own for the browser tests: gateway, web server and cluster, as real processes on free ports."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
import requests
from django.conf import settings
from psycopg import sql

from paysite.running.plan import manage, web_server
from tests.sandbox import SandboxProcess, sandbox_process, wait_until
from tests.support.processes import free_port

_START_SECONDS: Final = 30.0


@dataclass(frozen=True)
class Site:
    """Where the site is, its gateway, and a key to its API."""

    url: str
    gateway: SandboxProcess
    api_key: str

    def payments(self, order: str) -> list[dict[str, Any]]:
        """Return what the API tells about all payments of one order."""
        reply = requests.get(
            f"{self.url}/api/payments",
            params={"orderID": order},
            headers={"Authorization": f"Bearer {self.api_key}"},
            timeout=10,
        )
        assert reply.status_code == 200, reply.text
        found: list[dict[str, Any]] = reply.json()["data"]
        return found

    def charges(self, order: str) -> list[tuple[str, int, str]]:
        """Return (status, amount, currency) of every charge of an order in the gateway's own ledger."""
        ids = {payment["paymentID"] for payment in self.payments(order)}
        ledger = self.gateway.ledger()
        return sorted(
            (charge["status"], charge["amount"], charge["currency"]) for charge in ledger if charge["reference"] in ids
        )


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Prepare a site with demo data below `folder`, start its processes, and end them all afterwards."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    gateway = sandbox_process(
        folder / "gateway.sqlite3", shop_origins=[url], secret=settings.DEMO_GATEWAY_SECRET, slow=1
    )
    with gateway as sandbox, _database() as database_url:
        environment = _environment(folder / "var", url, sandbox.url, database_url)
        for arguments in (("migrate", "-v0"), ("collectstatic", "--noinput", "-v0")):
            _manage(environment, *arguments)
        seeded = json.loads(_manage(environment, "seed_demo"))
        log = folder / "site.log"
        with _process(manage("qcluster"), environment, log), _process(web_server("127.0.0.1", port), environment, log):
            wait_until(lambda: _answers(url), seconds=_START_SECONDS)
            yield Site(url, sandbox, seeded["apiKey"])


def _environment(var: Path, url: str, gateway_url: str, database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYSITE_")}
    return {
        **kept,
        "PAYSITE_VAR": str(var),
        "PAYSITE_PUBLIC_URL": url,
        "PAYSITE_PRIMARY_URL": gateway_url,
        "PAYSITE_SECONDARY_URL": gateway_url,
        "DATABASE_URL": database_url,
    }


@contextmanager
def _database() -> Iterator[str]:
    """Yield the DATABASE_URL of a database of our own: the embedded one, or a new one on the PostgreSQL given."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield ""
        return
    name = sql.Identifier(f"browser_{os.getpid()}")
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(name))
    yield given.rpartition("/")[0] + f"/browser_{os.getpid()}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def _manage(environment: dict[str, str], *arguments: str) -> str:
    """Run a management command to its end and return what it printed."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _process(command: Sequence[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """Run a program with its workers, and end them all: django-q2 leaves orphans if only its master ends."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            cwd=settings.BASE_DIR,
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/health/live", timeout=2).status_code == 200
    except requests.ConnectionError:
        return False
