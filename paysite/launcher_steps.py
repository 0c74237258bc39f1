"""The steps of a test run: each is a child process, named, timed and followed. Standard library only."""

import os
import signal
import subprocess
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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


def check(name: str, command: Command, environment: Environment) -> None:
    """Run a step that is silent unless it fails; raise StepFailedError if it does."""
    _title(name)
    began = time.monotonic()
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    output = _finish(process)
    if process.returncode:
        print(output)
        raise StepFailedError(f"{name}; its output is above.")
    print(f"   ok, {time.monotonic() - began:.1f} s", flush=True)


def pytest(name: str, marker: str, environment: Environment, arguments: list[str], counts: Counts) -> None:
    """Run the tests that `marker` selects and add them to `counts`; raise StepFailedError if any failed."""
    _title(name)
    began = time.monotonic()
    report = Path(environment["PAYSITE_VAR"]) / "report.xml"
    report.unlink(missing_ok=True)
    # Tests of one file share its servers: a file of slow tests stays with one process.
    parallel = ["-n", str(WORKERS), "--dist", "loadfile" if marker == "slow" else "load"] if WORKERS > 1 else []
    command: Command = [PYTHON, "-m", "pytest", "-q", "-m", marker, *parallel, f"--junit-xml={report}", *arguments]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, text=True)
    _finish(process)
    if report.exists():
        counts.add(report)
    if process.returncode not in {0, NOTHING_COLLECTED}:
        raise StepFailedError(f"{name}; see above.")
    print(f"   {time.monotonic() - began:.1f} s", flush=True)


def _title(name: str) -> None:
    print(f"\n── {name}", flush=True)


def _finish(process: subprocess.Popen[str]) -> str:
    """Wait for a child and return its output; at an interrupt let it clean up first."""
    try:
        return process.communicate()[0] or ""
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(INTERRUPT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
