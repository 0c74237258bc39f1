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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Addresses of one run. `gateway_ports` is empty in production: no sandbox runs there."""

    host: str
    port: int
    gateway_ports: tuple[int, ...]

    @property
    def web_url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def gateways(self) -> dict[str, int]:
        return dict(zip(("primary", "secondary"), self.gateway_ports, strict=False))

    def gateway_url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.gateways[name]}"

    def environment(self) -> dict[str, str]:
        """Return what all programs of a demo run need to know about each other's addresses."""
        if not self.gateway_ports:
            # Leaves the crash points of tests out of the code (payments/crash_points.py).
            return {"PYTHONOPTIMIZE": "1"}
        return {
            "PAYSITE_PRIMARY_URL": self.gateway_url("primary"),
            "PAYSITE_SECONDARY_URL": self.gateway_url("secondary"),
            "PAYSITE_PUBLIC_URL": self.web_url,
        }

    def full_environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment()}

    def programs(self, heartbeat: Heartbeat) -> list[Program]:
        """Return the programs in the order in which they start; they end in the opposite order."""
        environment = self.environment()
        gateways = [
            Program(
                name=f"gateway-{name}",
                command=manage(
                    "sandbox_gateway",
                    *("--port", str(port), "--name", name, "--shop-origin", self.web_url),
                    *("--database", str(settings.VAR_DIR / f"sandbox-{name}.sqlite3")),
                    # One vault: a card typed at one gateway can be charged at the other, too.
                    *("--vault", str(settings.VAR_DIR / "sandbox-vault.sqlite3")),
                ),
                log=log_file(f"gateway-{name}"),
                environment=environment,
            )
            for name, port in self.gateways.items()
        ]
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
        return [*gateways, cluster, web]

    def probes(self) -> list[Probe]:
        public = urlsplit(settings.PUBLIC_URL)
        # As the proxy in front would ask: Django refuses other hosts, and redirects what did not come by https.
        as_proxy = {} if settings.DEMO else {"Host": public.netloc, "X-Forwarded-Proto": public.scheme}
        gateways = [Probe(f"gateway-{name}", "127.0.0.1", port, "/v1/health") for name, port in self.gateways.items()]
        return [*gateways, Probe("web", self.host, self.port, "/health/ready", as_proxy)]


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
