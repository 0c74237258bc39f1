"""The site's real programs, started as the supervisor starts them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from paysite.guard import Guard
from paysite.running.plan import CLUSTER_PATIENCE, WEB_PATIENCE, log_file, manage, web_server
from paysite.running.ready import Probe, first_silent, tail
from paysite.supervisor import Program, Supervisor, adopt_orphans
from tests.benchmarks.scene import Scene
from tests.support.processes import free_port

START_SECONDS: Final = 60.0


class StartError(Exception):
    """A program did not come up; the message has the end of its log."""


def web(scene: Scene, database: str, port: int) -> Program:
    return Program(
        name="web",
        command=web_server("127.0.0.1", port),
        log=log_file("web"),
        environment={"DATABASE_URL": scene.database(database)},
        patience=WEB_PATIENCE,
    )


def cluster() -> Program:
    """The django-q2 cluster, on the scene's own database."""
    return Program(name="cluster", command=manage("qcluster"), log=log_file("cluster"), patience=CLUSTER_PATIENCE)


def gateway(scene: Scene, latency_ms: float) -> Program:
    """A sandbox gateway whose every call takes `latency_ms` milliseconds."""
    where = ("--port", str(scene.gateway_port), "--database", str(scene.folder / "gateway.sqlite3"))
    return Program(
        name="gateway",
        command=manage("sandbox_gateway", *where, "--latency-ms", str(latency_ms)),
        log=log_file("gateway"),
    )


@contextmanager
def running(*programs: Program, probe: Probe | None = None) -> Iterator[dict[str, int]]:
    """Run `programs`, wait until `probe` answers, yield their process ids by name, and end them."""
    adopt_orphans()
    guard = Guard()
    supervisor = Supervisor(programs, print, guard)
    try:
        supervisor.start()
        probes = [probe] if probe else []
        if first_silent(probes, seconds=START_SECONDS, give_up=lambda: supervisor.ended() is not None):
            logs = "\n".join(f"{program.log}:\n{tail(program.log)}" for program in programs)
            raise StartError(f"Not all programs came up.\n{logs}")
        yield {child.program.name: child.pid for child in supervisor.children if child.pid}
    finally:
        supervisor.stop()
        guard.close()


@contextmanager
def web_running(scene: Scene, database: str) -> Iterator[tuple[int, int]]:
    """Run the web server on `database`; yield its port and process id."""
    port = free_port()
    probe = Probe("web", "127.0.0.1", port, "/health/ready")
    with running(web(scene, database, port), probe=probe) as pids:
        yield port, pids["web"]
