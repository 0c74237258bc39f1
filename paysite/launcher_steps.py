"""The steps of a test run: each is a child process, named, timed and followed. Standard library only."""

import contextlib
import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from paysite.guard import Guard, signal_group
from paysite.launcher_environment import PYTHON, ROOT

Environment = Mapping[str, str]
Command = Sequence[str | Path]

# Processes for the fast tests; more than the cores would only make each slower.
WORKERS = min(os.cpu_count() or 1, 4)
NOTHING_COLLECTED = 5
INTERRUPT_SECONDS = 15.0


class StepFailedError(Exception):
    """A step did not succeed; later steps are not run."""


@dataclass
class Counts:
    """Tests over all runs. A test that runs on two databases counts twice."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, report: Path) -> None:
        """Add what pytest wrote into a JUnit report; an error in a fixture counts as a failed test."""
        for suite in ET.parse(report).getroot().iter("testsuite"):  # noqa: S314  (our own pytest wrote it)
            failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped = int(suite.get("skipped", 0))
            self.failed += failed
            self.skipped += skipped
            self.passed += int(suite.get("tests", 0)) - failed - skipped

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


class Steps:
    """Runs one step after the other. Steps have process groups of their own, which end with this process."""

    def __init__(self) -> None:
        self.counts = Counts()
        self._guard = Guard()

    def close(self) -> None:
        self._guard.close()

    def check(self, name: str, command: Command, environment: Environment) -> None:
        """Run a step that is silent unless it fails; raise StepFailedError if it does."""
        began = _begin(name)
        code, output = self._run(command, environment, subprocess.PIPE)
        if code:
            print(output)
            raise StepFailedError(f"{name}; its output is above.")
        print(f"   ok, {time.monotonic() - began:.1f} s", flush=True)

    def pytest(self, name: str, marker: str, environment: Environment, arguments: list[str]) -> None:
        """Run the tests that `marker` selects and count them; raise StepFailedError if any failed."""
        began = _begin(name)
        report = Path(environment["PAYSITE_VAR"]) / "report.xml"
        report.unlink(missing_ok=True)
        # Tests of one file share its servers: a file of slow tests stays with one process.
        parallel = (
            ["-n", str(WORKERS), "--dist", "load" if marker.startswith("not slow") else "loadfile"]
            if WORKERS > 1
            else []
        )
        options = ["-q", "-m", marker, *parallel, f"--junit-xml={report}", *arguments]
        code, _ = self._run([PYTHON, "-m", "pytest", *options], environment, None)
        if report.exists():
            self.counts.add(report)
        if code not in {0, NOTHING_COLLECTED}:
            raise StepFailedError(f"{name}; see above.")
        print(f"   {time.monotonic() - began:.1f} s", flush=True)

    def _run(self, command: Command, environment: Environment, output: int | None) -> tuple[int, str]:
        """Return exit code and output of a child. At an interrupt, let the whole group clean up first, but not long."""
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output else None,
            text=True,
            start_new_session=True,
        )
        self._guard.watch(process.pid)
        try:
            text, _ = process.communicate()
        except KeyboardInterrupt:
            signal_group(process.pid, signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(INTERRUPT_SECONDS)
            raise
        finally:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
            self._guard.forget(process.pid)
        return process.returncode, text or ""


def _begin(name: str) -> float:
    print(f"\n── {name}", flush=True)
    return time.monotonic()
