"""The commands that work on a fresh clone. Standard library only: they install what everything else needs."""

import os
import sys
from typing import Final

from paysite.launcher_environment import MANAGE, ROOT, SetupError, make

USAGE = """\
usage: python3 -m paysite COMMAND [OPTIONS]

  run [--port PORT] …       install, prepare, and run the whole site until Ctrl-C (run --help lists the options)
  test [--fast] [-- …]      install, and run all checks and tests (what follows -- goes to pytest)
  bench …                   install, and measure how fast payments are accepted and settled
  prove …                   install, and prove that killing, cutting and racing lose and double nothing
"""

# Commands that are programs of the tests.
PROGRAMS: Final = {"bench": "tests.benchmarks", "prove": "tests.proof"}


def launch(arguments: list[str]) -> int:
    """Run one command and return the exit code; all but `test` replace this process instead of returning."""
    command, options = (arguments[0], arguments[1:]) if arguments else ("help", [])
    try:
        if command == "run":
            become("requirements.txt", str(MANAGE), "run", *options)
        elif command in PROGRAMS:
            demand_postgres()
            os.chdir(ROOT)
            become("requirements-dev.txt", "-m", PROGRAMS[command], *options)
        elif command == "test":
            from paysite.launcher_tests import run_tests

            return run_tests(options)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    print(USAGE)
    return 0 if command in {"help", "-h", "--help"} else 2


def demand_postgres() -> None:
    """Install the PostgreSQL of requirements-postgres.txt unless this machine has one."""
    from tests.support.postgres import find_binaries

    if find_binaries() is None:
        make("requirements-postgres.txt")


def become(requirements: str, *arguments: str) -> None:
    """Become Python in the environment with `arguments`, so that signals reach it directly. Does not return."""
    python = str(make(requirements))
    sys.stdout.flush()
    os.execv(python, [python, "-u", *arguments])  # noqa: S606
