"""The processes in a storm: web server, cluster of workers, two sandbox gateways, and the shop's endpoint for events.

The product's supervisor ends a whole group when its first process ends, and pauses longer each time. Here neither is
wanted: workers outlive their parent, and whatever was killed is back as soon as its start, or the storm, allows.
"""

import http.client
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from django.conf import settings

from paysite.guard import Guard
from paysite.running.plan import manage, web_server
from paysite.running.ready import Probe, first_silent, tail
from paysite.supervisor import Child, Program, adopt_orphans
from tests.support.inbox import ROOT, command
from tests.support.processes import is_running

HOST: Final = "127.0.0.1"
_START_SECONDS: Final = 60.0
_ASK_WITHIN: Final = 2.0


class StartError(Exception):
    """The site did not come up; the message has the end of a log."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Ports on 127.0.0.1."""

    web: int
    inbox: int
    gateways: Mapping[str, int]

    @property
    def site(self) -> str:
        return f"http://{HOST}:{self.web}"

    @property
    def shop_inbox(self) -> str:
        return f"http://{HOST}:{self.inbox}"

    def gateway(self, name: str) -> str:
        return f"http://{HOST}:{self.gateways[name]}"


class Stack:
    """All processes. `environment` is the site's; ledgers and logs lie in `folder`, `inbox_log` is what arrived."""

    def __init__(self, folder: Path, environment: Mapping[str, str], addresses: Addresses, guard: Guard) -> None:
        self.addresses = addresses
        self.ledgers = {name: folder / f"ledger-{name}.sqlite3" for name in addresses.gateways}
        self.inbox_log = folder / "inbox.jsonl"
        self._folder = folder
        self._environment = environment
        self._guard = guard
        self.web = Child(self._program("web", web_server(HOST, addresses.web)), guard)
        self.cluster = self._new_cluster()
        self.gateways = {name: Child(self._gateway(name), guard) for name in addresses.gateways}
        self.inbox = Child(self._inbox(), guard)
        self._orphans: list[Child] = []

    def start(self) -> None:
        """Start everything and return when it answers; raise StartError if it does not."""
        for child in (*self.gateways.values(), self.inbox, self.cluster):
            child.start()
        gateways = [Probe(name, HOST, port, "/v1/health") for name, port in self.addresses.gateways.items()]
        self.start_web(*gateways, Probe("inbox", HOST, self.addresses.inbox, "/"))

    def start_web(self, *others: Probe) -> None:
        """Start the web server and return when it and `others` answer; raise StartError if they do not."""
        self.web.start()
        probes = [*others, Probe("web", HOST, self.addresses.web, "/health/ready")]
        silent = first_silent(probes, seconds=_START_SECONDS, give_up=lambda: self.web.exit_code() is not None)
        if silent:
            raise StartError(f"{silent.name} did not answer.\n{tail(self._log(silent.name))}")

    def stop(self) -> None:
        """Kill the site, in the middle of whatever it does; the gateways and the shop's inbox go on."""
        for child in (*self._orphans, self.cluster, self.web):
            child.stop(hurry=lambda: True)
        self._orphans.clear()

    def stop_the_others(self) -> None:
        for child in (*self.gateways.values(), self.inbox):
            child.stop()

    def web_workers(self) -> list[int]:
        return [pid for pid in _members(self.web) if pid != self.web.pid]

    def cluster_workers(self) -> list[int]:
        """Return the processes of the cluster but its parent, and those that outlived an earlier parent."""
        groups = (self.cluster, *self._orphans)
        return [pid for child in groups for pid in _members(child) if pid != child.pid]

    def bereave_cluster(self) -> None:
        """Start another cluster in the place of one whose parent was killed, whose other processes live on.

        Those of an earlier one that was bereaved are killed: there is room for two generations.
        """
        self.end_orphans()
        self._orphans.append(self.cluster)
        self.cluster = self._new_cluster()
        self.cluster.start()

    def end_orphans(self) -> None:
        for child in self._orphans:
            child.stop(hurry=lambda: True)
        self._orphans.clear()

    def replace_cluster(self) -> None:
        """Kill all of the cluster and start another, as the supervisor does with one that hangs."""
        self.cluster.stop(hurry=lambda: True)
        self.end_orphans()
        self.cluster = self._new_cluster()
        self.cluster.start()

    def restart_gateway(self, name: str) -> None:
        """Start a gateway that was killed on its old ledger and port; return when it listens."""
        self.gateways[name].stop(hurry=lambda: True)
        self.gateways[name].start()
        probe = Probe(name, HOST, self.addresses.gateways[name], "/v1/health")
        if first_silent([probe], seconds=_START_SECONDS, give_up=lambda: False):
            raise StartError(f"{name} did not answer.\n{tail(self._log(name))}")

    def restart_inbox_if_ended(self) -> None:
        """Start the shop's inbox again where it was killed, on its old port and log."""
        if self.inbox.exit_code() is not None:
            self.inbox.stop(hurry=lambda: True)
            self.inbox.start()

    def have_inbox_refuse(self, seconds: float) -> bool:
        """Have the shop's inbox answer 500 for so long; say whether it took note."""
        connection = http.client.HTTPConnection(HOST, self.addresses.inbox, timeout=_ASK_WITHIN)
        try:
            connection.request("PUT", f"/refuse/{seconds}")
            return connection.getresponse().status == HTTPStatus.NO_CONTENT
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def restart_web_if_ended(self) -> bool:
        """Start the web server again where its first process has ended by itself; say whether it had."""
        if self.web.exit_code() is None:
            return False
        self.web.stop(hurry=lambda: True)
        self.web.start()
        return True

    def cluster_runs(self) -> float:
        """Return for how many seconds the cluster has been running; 0 where its parent has ended by itself."""
        return 0.0 if self.cluster.exit_code() is not None else time.monotonic() - self.cluster.started_at

    def _new_cluster(self) -> Child:
        return Child(self._program("cluster", manage("qcluster")), self._guard)

    def _gateway(self, name: str) -> Program:
        where = ("--port", str(self.addresses.gateways[name]), "--database", str(self.ledgers[name]))
        manner = (
            "--name",
            name,
            "--shop-origin",
            self.addresses.site,
            "--slow",
            "0.3",
            "--vault",
            str(self._folder / "vault.sqlite3"),
            "--webhook-url",
            f"{self.addresses.site}/webhooks/{name}",
        )
        secret = {"SANDBOX_WEBHOOK_SECRET": settings.DEMO_WEBHOOK_SECRET}
        return self._program(name, manage("sandbox_gateway", *where, *manner), secret)

    def _inbox(self) -> Program:
        # No part of the site, and not found from every folder.
        return Program(
            name="inbox",
            command=command(self.addresses.inbox, self.inbox_log),
            log=self._log("inbox"),
            environment={"PYTHONPATH": str(ROOT)},
        )

    def _program(self, name: str, command_line: Sequence[str], more: Mapping[str, str] | None = None) -> Program:
        environment = {**self._environment, **(more or {})}
        return Program(name=name, command=command_line, log=self._log(name), environment=environment)

    def _log(self, name: str) -> Path:
        return self._folder / "log" / f"{name}.log"


def _members(child: Child) -> list[int]:
    """Return the living processes of the group that `child` leads or led: orphans have other parents by now."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(ProcessLookupError, ValueError):
            if os.getpgid(pid := int(entry.name)) == child.pid and is_running(pid):
                found.append(pid)
    return sorted(found)


@contextmanager
def running(folder: Path, environment: Mapping[str, str], addresses: Addresses) -> Iterator[Stack]:
    """Run the site and yield it; nothing of it is left afterwards."""
    adopt_orphans()
    guard = Guard()
    stack = Stack(folder, environment, addresses, guard)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()
        stack.stop_the_others()
        guard.close()
