"""`python3 -m paysite test`: runs every check and every test, on both databases, and sums up. Standard library only.

The order gives the first feedback soon: style (seconds), the fast tests on the embedded database, then types, the fast
tests on PostgreSQL, and last the slow ones, which run real processes and a real browser.
"""

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from paysite.launcher_environment import MANAGE, PYTHON, ROOT, SetupError, make
from paysite.launcher_steps import Counts, Environment, StepFailedError, Steps
from tests.support import chromium, postgres

TEST_VAR = ROOT / "var" / "test"


@dataclass
class Summary:
    """What the end of a run tells."""

    databases: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)


def run_tests(arguments: list[str]) -> int:
    """Run all steps until one fails; print a summary whose last line is the total. Return the exit code."""
    ours, theirs = _split(arguments)
    parser = argparse.ArgumentParser(prog="python3 -m paysite test")
    parser.add_argument("--fast", action="store_true", help="leave out the slow tests")
    options = parser.parse_args(ours)
    # Whatever ends the run, PostgreSQL and the tests' own processes must end with it. A shell's background job ignores
    # SIGINT, and so would pytest, if it were not set here.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    summary = Summary()
    steps = Steps()
    began = time.monotonic()
    failure = ""
    try:
        make("requirements-dev.txt")
        _run(steps, summary, theirs, fast=options.fast)
    except (StepFailedError, SetupError) as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "Interrupted."
    finally:
        steps.close()
    _print(summary, steps.counts, failure, time.monotonic() - began)
    return 1 if failure or steps.counts.failed else 0


def _run(steps: Steps, summary: Summary, theirs: list[str], *, fast: bool) -> None:
    embedded = _environment("")
    steps.check("ruff check", [PYTHON, "-m", "ruff", "check", "."], embedded)
    steps.check("ruff format", [PYTHON, "-m", "ruff", "format", "--check", "."], embedded)
    steps.check("migrations are complete", [PYTHON, MANAGE, "makemigrations", "--check", "--dry-run"], embedded)
    steps.check("manage.py check", [PYTHON, MANAGE, "check"], embedded)
    summary.databases.append("the embedded SQLite")
    steps.pytest("fast tests on SQLite", "not slow", embedded, theirs)
    steps.check("mypy", [PYTHON, "-m", "mypy"], embedded)
    with _postgres(summary) as url:
        if url:
            steps.pytest("fast tests on PostgreSQL", "not slow and not once", _environment(url), theirs)
        if fast:
            summary.not_run.append("the slow tests (--fast)")
            return
        _demand_browser(summary)
        steps.pytest("slow tests on SQLite", "slow", embedded, theirs)
        if url:
            steps.pytest("slow tests on PostgreSQL", "slow and not once", _environment(url), theirs)


@contextlib.contextmanager
def _postgres(summary: Summary) -> Iterator[str]:
    """Yield the URL of a PostgreSQL to test on: the one given, or a private one; or an empty text, with the reason."""
    given = os.environ.get("TEST_DATABASE_URL", "")
    if given:
        summary.databases.append("PostgreSQL (TEST_DATABASE_URL)")
        yield given
        return
    with contextlib.ExitStack() as stack:
        url = ""
        try:
            if postgres.find_binaries() is None:
                make("requirements-postgres.txt")
            url = stack.enter_context(postgres.private_postgres())
            summary.databases.append(f"PostgreSQL (private, {postgres.find_binaries()})")
        except (SetupError, postgres.PostgresUnavailableError) as error:
            summary.not_run.append(f"anything on PostgreSQL: {error}")
        yield url


def _demand_browser(summary: Summary) -> None:
    if chromium.find_chromium() is None:
        print("\n── installing Chromium for the browser tests", flush=True)
        if not chromium.install_chromium():
            summary.not_run.append(f"the browser tests: {chromium.REASON}")


def _environment(database_url: str) -> Environment:
    """Return this process's environment without what belongs to a real site, so that tests never touch one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PAYSITE_", "DJANGO_"))}
    TEST_VAR.mkdir(parents=True, exist_ok=True)
    return {**kept, "DATABASE_URL": database_url, "PAYSITE_VAR": str(TEST_VAR)}


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split at `--`: what follows is for pytest."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _print(summary: Summary, counts: Counts, failure: str, seconds: float) -> None:
    print(f"\n── summary ({seconds:.0f} s)")
    print(f"Ran on: {' and '.join(summary.databases) or 'no database'}.")
    for reason in summary.not_run:
        print(f"Did not run {reason}.")
    if failure:
        print(f"FAILED: {failure}")
    print(counts, flush=True)
