"""A whole site of its own for the browser tests: gateways, web server and cluster, as real processes on free ports."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
    """Where the site is, its first and its second gateway, a key to its API, and the environment of its programs."""

    url: str
    gateway: SandboxProcess
    second: SandboxProcess
    api_key: str
    environment: dict[str, str]

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
        """Return (status, amount, currency) of every charge of an order in the gateways' own ledgers."""
        ids = {payment["paymentID"] for payment in self.payments(order)}
        ledger = [*self.gateway.ledger(), *self.second.ledger()]
        return sorted(
            (charge["status"], charge["amount"], charge["currency"]) for charge in ledger if charge["reference"] in ids
        )

    def run(self, code: str) -> str:
        """Run lines of Python inside the site's own program, with its models and services; return what they print."""
        return _manage(self.environment, "shell", "-v0", "-c", code).strip()

    def no_gateway_charges(self) -> None:
        """Let both gateways say of every charge that they are under maintenance, which proves that they did not."""
        for gateway in (self.gateway, self.second):
            gateway.arm("status", params={"status": 503, "body": {"error": {"code": "maintenance"}}})

    def gateways_work(self) -> None:
        for gateway in (self.gateway, self.second):
            gateway.clear_faults()


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """Prepare a site with demo data below `folder`, start its processes, and end them all afterwards."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _gateway(folder, url, "primary") as first, _gateway(folder, url, "secondary") as second, _database() as given:
        environment = _environment(folder / "var", url, (first.url, second.url), given)
        for arguments in (("migrate", "-v0"), ("collectstatic", "--noinput", "-v0")):
            _manage(environment, *arguments)
        seeded = json.loads(_manage(environment, "seed_demo"))
        log = folder / "site.log"
        with _process(manage("qcluster"), environment, log), _process(web_server("127.0.0.1", port), environment, log):
            wait_until(lambda: _answers(url), seconds=_START_SECONDS)
            yield Site(url, first, second, seeded["apiKey"], environment)


def _gateway(folder: Path, url: str, name: str) -> AbstractContextManager[SandboxProcess]:
    return sandbox_process(
        folder / f"{name}.sqlite3",
        name=name,
        shop_origins=[url],
        secret=settings.DEMO_GATEWAY_SECRET,
        slow=1,
        vault=folder / "vault.sqlite3",
    )


def _environment(var: Path, url: str, gateways: tuple[str, str], database_url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PAYSITE_")}
    return {
        **kept,
        "PAYSITE_VAR": str(var),
        "PAYSITE_PUBLIC_URL": url,
        "PAYSITE_PRIMARY_URL": gateways[0],
        "PAYSITE_SECONDARY_URL": gateways[1],
        # Fewer than usual, so that nobody waits long for the end.
        "PAYSITE_PROCESSING_TRIES": "3",
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
