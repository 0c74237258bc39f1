"""The database's own limit: pgbench making the product's writes, over as many connections as the product's clients."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.scene import Scene, password_of
from tests.benchmarks.writes import Writes


@dataclass(frozen=True, slots=True)
class Measured:
    """transactions: in all; per_second: without the time that connecting took."""

    transactions: int
    per_second: float


class Limit:
    """Runs pgbench on the database `limit`. Numbers of payments are never used twice."""

    def __init__(self, scene: Scene, writes: Writes, connections: int) -> None:
        self._scene, self._connections = scene, connections
        self._accept = self._script("accept.sql", writes.accept)
        self._settle = self._script("settle.sql", writes.settle)

    def accept(self, seconds: float) -> Measured:
        """Accept for so many seconds (at least one)."""
        return self._run(self._accept, _base(), ["--time", str(max(1, round(seconds)))])

    def settle(self, payments: int) -> Measured:
        """Have about so many payments accepted; then measure how fast they are settled."""
        base, each = _base(), ["--transactions", str(max(1, payments // self._connections))]
        self._run(self._accept, base, each)
        self._scene.checkpoint()
        return self._run(self._settle, base, each)

    def _script(self, name: str, text: str) -> Path:
        path = self._scene.folder / name
        path.write_text(text)
        return path

    def _run(self, script: Path, base: int, arguments: list[str]) -> Measured:
        done = subprocess.run(
            [
                *(str(self._scene.binaries / "pgbench"), "--no-vacuum", "--protocol", "prepared"),
                *("--client", str(self._connections), "--jobs", "1", "--file", str(script)),
                *("--define", "n=0", "--define", f"base={base}", *arguments, self._scene.database("limit")),
            ],
            env={**os.environ, "PGPASSWORD": password_of(self._scene.url)},
            capture_output=True,
            text=True,
            check=False,
        )
        tps = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
        count = re.search(r"actually processed: ([0-9]+)", done.stdout)
        if done.returncode or tps is None or count is None:
            raise RuntimeError(f"pgbench failed on {script.name}:\n{done.stderr[-2000:]}\n{script.read_text()}")
        return Measured(int(count[1]), float(tps[1]))


def _base() -> int:
    """Return a number of 19 digits above all that were used before, for as long as a run can last."""
    return time.time_ns()
