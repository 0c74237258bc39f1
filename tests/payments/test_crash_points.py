"""Crash points: all of them are in the code, nothing else is, and production's code has none (requirement C1)."""

import ast
import dis
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import CodeType

import pytest

from payments.crash_points import POINTS, killer

ROOT = Path(__file__).resolve().parents[2]
# Names made of a moment and what the code at that place is about.
COMPOSED = {
    "claim": ("committing", "committed"),
    "expire": ("committing", "committed"),
    "void": ("begin", "answered"),
    "give_back": ("begin", "answered"),
}


def reached_in(source: str) -> set[str]:
    """Return the texts that are given to `reach` or name a point in a table of them."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in POINTS:
            found.add(node.value)
    return found


def test_every_point_is_in_the_code() -> None:
    apps = ("payments", "refunds", "disputes")
    paths = [path for app in apps for path in (ROOT / app).rglob("*.py") if path.name != "crash_points.py"]
    found = set().union(*(reached_in(path.read_text()) for path in paths))
    found |= {f"{place}.{moment}" for place, moments in COMPOSED.items() for moment in moments}
    assert found == set(POINTS)


def loads_of_reach(source: str, optimize: int) -> int:
    """Return how many instructions of the compiled `source` load `reach` or a helper around it."""
    waiting: list[CodeType] = [compile(source, "module", "exec", optimize=optimize)]
    count = 0
    while waiting:
        code = waiting.pop()
        count += sum(
            one.opname.startswith("LOAD") and one.argval in {"reach", "_reach"} for one in dis.get_instructions(code)
        )
        waiting += [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return count


@pytest.mark.parametrize(
    "name", ["services/claim.py", "services/accept.py", "services/insert.py", "reliability/calls.py"]
)
def test_optimised_code_has_no_crash_points(name: str) -> None:
    source = (ROOT / "payments" / name).read_text()
    # Helpers that compose names are left over, and nobody calls them.
    left = 2 * source.count("def _reach")
    assert loads_of_reach(source, optimize=0) > left
    assert loads_of_reach(source, optimize=1) == left


def test_a_process_dies_by_sigkill_at_the_point_that_the_environment_names() -> None:
    code = (
        "from payments.crash_points import arm_from_environment, reach\n"
        "arm_from_environment()\n"
        "reach('claim.committed'); reach('send.begin'); print('once', flush=True)\n"
        "reach('claim.committed'); print('twice', flush=True)\n"
    )
    environment = {**os.environ, "PAYSITE_CRASH_AT": "claim.committed:2"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (-signal.SIGKILL, "once\n")


def test_a_point_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="There is no crash point 'nowhere'"):
        killer("nowhere", 1)
