"""The checker shares no code with what it checks."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.invariants.tables import (
    ATTEMPT,
    DISPUTE,
    LIVE_OR_SUCCESSFUL,
    PAYMENT,
    REFUND,
    REFUND_ATTEMPT,
    REFUND_OPEN,
    RESERVED,
    SURPLUS,
    Table,
)

HERE = Path(__file__).parent
CHECKER = sorted(path for path in HERE.glob("*.py") if not path.name.startswith(("test_", "conftest")))
APPLICATION = {"django", "payments", "paysite", "refunds", "disputes"}


def imported(path: Path) -> set[str]:
    """Return the dotted names that `path` imports, from anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(f"{'.' * node.level}{node.module or ''}")
    return found


@pytest.mark.parametrize("path", CHECKER, ids=lambda path: path.name)
def test_the_checker_imports_the_standard_library_psycopg_and_itself(path: Path) -> None:
    strange = {
        name
        for name in imported(path)
        if name.split(".")[0] not in {*sys.stdlib_module_names, "psycopg"}
        and name != "tests.invariants"
        and not name.startswith("tests.invariants.")
    }
    assert strange == set()


def test_running_the_checker_loads_nothing_of_the_application() -> None:
    program = (
        "import sys, tests.invariants.__main__\n"
        f"print(sorted({APPLICATION!r} & {{name.split('.')[0] for name in sys.modules}}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=HERE.parents[1], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def pairs(table: Table) -> list[tuple[str, str]]:
    return sorted((before, after) for before, targets in table.edges.items() for after in targets)


def test_both_copies_of_the_state_tables_say_the_same() -> None:
    from disputes import states as of_disputes
    from payments import states
    from refunds import states as of_refunds

    for ours, theirs in (
        *((PAYMENT, states.PAYMENT), (ATTEMPT, states.ATTEMPT), (SURPLUS, states.SURPLUS)),
        *((REFUND, of_refunds.REFUND), (REFUND_ATTEMPT, of_refunds.REFUND_ATTEMPT), (DISPUTE, of_disputes.DISPUTE)),
    ):
        assert pairs(ours) == theirs.pairs()
        assert ours.births == theirs.births
    assert set(LIVE_OR_SUCCESSFUL) == set(states.LIVE_OR_SUCCESSFUL)
    assert set(RESERVED) == set(of_refunds.RESERVED)
    assert set(REFUND_OPEN) == set(of_refunds.OPEN_OR_SUCCEEDED)


def test_the_made_up_ledger_has_the_sandbox_gateways_columns(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    from payments.gateways.sandbox.store import Store
    from tests.invariants.ledger_tables import LEDGER

    Store(tmp_path / "theirs.sqlite3").close()
    with closing(sqlite3.connect(tmp_path / "ours.sqlite3")) as ours:
        ours.executescript(LEDGER)
        with closing(sqlite3.connect(tmp_path / "theirs.sqlite3")) as theirs:
            for table in ("charges", "requests", "refunds", "refund_requests", "disputes"):
                query = f"SELECT name, type FROM pragma_table_info('{table}')"
                assert ours.execute(query).fetchall() == theirs.execute(query).fetchall()
