"""What one run consists of: addresses, and the programs with their commands and environment."""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

from paysite.running.heartbeat import Heartbeat
from paysite.running.ready import Probe
from paysite.supervisor import Program

# The web server lets requests in progress finish; a request may wait for a payment's outcome (`Prefer: wait`).
WEB_PATIENCE = 8.0
# django-q2's master waits for its workers without limit, and settle loops run for long: the group is told soon.
CLUSTER_PATIENCE = 1.5
HEADER_TIMEOUT_MS = 10_000
# Gets the demo's alerts, which /inbox/ shows (docs/alerts.md).
DEMO_TEAM = "team@paysite.example"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Addresses of one run. `gateway_ports` is empty in production: no sandbox runs there.

    inbox_port: of the demo shop's inbox, 0 where it does not run.
    """

    host: str
    port: int
    gateway_ports: tuple[int, ...]
    inbox_port: int = 0

    @property
    def web_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def gateways(self) -> dict[str, int]:
        return dict(zip(("primary", "secondary"), self.gateway_ports, strict=False))

    def gateway_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.gateways[name]}"

    @property
    def inbox_url(self) -> str:
        return f"http://127.0.0.1:{self.inbox_port}"

    def environment(self) -> dict[str, str]:
        """Return what all programs of a demo run need to know about each other's addresses."""
        if not self.gateway_ports:
            # Leaves the crash points of tests out of the code (payments/crash_points.py).
            return {"PYTHONOPTIMIZE": "1"}
        inbox = {"PAYSITE_INBOX_URL": self.inbox_url} if self.inbox_port else {}
        return {
            "PAYSITE_PRIMARY_URL": self.gateway_url("primary"),
            "PAYSITE_SECONDARY_URL": self.gateway_url("secondary"),
            "PAYSITE_PUBLIC_URL": self.web_url,
            **inbox,
            **_team(),
        }

    def full_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment()}

    def programs(self, heartbeat: Heartbeat) -> list[Program]:
        """Return the programs in the order in which they start; they end in the opposite order."""
        environment = self.environment()
        cluster = Program(
            name="cluster",
            command=manage("qcluster"),
            log=log_file("cluster"),
            environment=environment,
            patience=CLUSTER_PATIENCE,
            is_beating=heartbeat.is_beating,
            grace=settings.BEAT_GRACE,
        )
        web = Program(
            name="web",
            command=web_server(self.host, self.port),
            log=log_file("web"),
            environment=environment,
            patience=WEB_PATIENCE,
        )
        return [*self._gateways(), *self._inbox(), cluster, web]

    def _gateways(self) -> list[Program]:
        # In the environment, as everybody can read the command line of a process.
        environment = {**self.environment(), "SANDBOX_WEBHOOK_SECRET": settings.DEMO_WEBHOOK_SECRET}
        return [
            Program(
                name=f"gateway-{name}",
                command=manage(
                    "sandbox_gateway",
                    *("--port", str(port), "--name", name, "--shop-origin", self.web_url),
                    *("--database", str(settings.VAR_DIR / f"sandbox-{name}.sqlite3")),
                    # One vault: a card typed at one gateway can be charged at the other, too.
                    *("--vault", str(settings.VAR_DIR / "sandbox-vault.sqlite3")),
                    *("--webhook-url", f"http://127.0.0.1:{self.port}/webhooks/{name}"),
                ),
                log=log_file(f"gateway-{name}"),
                environment=environment,
            )
            for name, port in self.gateways.items()
        ]

    def _inbox(self) -> list[Program]:
        if not self.inbox_port:
            return []
        command = manage("demo_shop_inbox", "--port", str(self.inbox_port))
        return [Program(name="inbox", command=command, log=log_file("inbox"), environment=self.environment())]

    def probes(self) -> list[Probe]:
        public = urlsplit(settings.PUBLIC_URL)
        # As the proxy in front would ask: Django refuses other hosts, and redirects what did not come by https.
        as_proxy = {} if settings.DEMO else {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
        gateways = [Probe(f"gateway-{name}", "127.0.0.1", port, "/v1/health") for name, port in self.gateways.items()]
        inbox = [Probe("inbox", "127.0.0.1", self.inbox_port, "/events.json")] if self.inbox_port else []
        return [*gateways, *inbox, Probe("web", self.host, self.port, "/health/ready", as_proxy)]


def _team() -> dict[str, str]:
    """Have alerts written where nobody said who gets them; a real mail server has no such address to deliver to."""
    is_said = "PAYSITE_ALERT_EMAILS" in os.environ or not hasattr(settings, "EMAIL_FILE_PATH")
    return {} if is_said else {"PAYSITE_ALERT_EMAILS": DEMO_TEAM}


def log_file(name: str) -> Path:
    return Path(settings.VAR_DIR) / "log" / f"{name}.log"


def manage(*arguments: str) -> Sequence[str]:
    """Return the command line of a management command, unbuffered so that logs are complete."""
    return [sys.executable, "-u", str(settings.BASE_DIR / "manage.py"), *arguments]


def web_server(host: str, port: int) -> Sequence[str]:
    """Return the command line of the web server; paysite/rsgi.py says why not by its WSGI interface."""
    return [
        *(sys.executable, "-u", "-m", "granian", "paysite.server:application", "--interface", "rsgi"),
        *("--host", host, "--port", str(port), "--working-dir", str(settings.BASE_DIR)),
        *("--workers", str(settings.WEB_WORKERS), "--loop", "asyncio", "--http", "1", "--no-ws"),
        *("--http1-header-read-timeout", str(HEADER_TIMEOUT_MS), "--respawn-failed-workers"),
    ]
