"""Healthy evidence on SQLite, made once and copied for each test that damages it."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.invariants import check
from tests.invariants.healthy import tell_healthy_stories
from tests.invariants.made_up import MadeUp

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "paysite.sqlite3"

Broken = Callable[..., set[int]]


def migrate(environment: Mapping[str, str]) -> None:
    """Make the tables of the database that `environment` names, in a process of its own."""
    command = [sys.executable, str(ROOT / "manage.py"), "migrate", "--skip-checks", "--verbosity", "0"]
    done = subprocess.run(command, env={**os.environ, **environment}, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def healthy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("healthy")
    migrate({"PAYSITE_VAR": str(folder), "DATABASE_URL": ""})
    tell_healthy_stories(MadeUp(folder, f"sqlite://{folder / DATABASE}"))
    return folder


@pytest.fixture
def shop(healthy_folder: Path, tmp_path: Path) -> MadeUp:
    """Healthy evidence to be damaged; its clock goes on from now."""
    folder = tmp_path / "evidence"
    shutil.copytree(healthy_folder, folder)
    shop = MadeUp(folder, f"sqlite://{folder / DATABASE}")
    shop.clock += 1800
    return shop


@pytest.fixture
def damage(shop: MadeUp) -> Callable[..., None]:
    """Run statements that the database's triggers and checks would refuse, and put the triggers back."""

    def run(*statements: str) -> None:
        with closing(sqlite3.connect(shop.folder / DATABASE, isolation_level=None)) as file:
            file.execute("PRAGMA ignore_check_constraints = ON")
            triggers = file.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                file.execute(f"DROP TRIGGER {name}")
            for statement in statements:
                changed = file.execute(statement).rowcount
                assert changed != 0, f"nothing was damaged by: {statement}"
            for _, sql in triggers:
                file.execute(sql)

    return run


@pytest.fixture
def broken(shop: MadeUp) -> Broken:
    """Return the numbers of the invariants that are broken, at rest unless told otherwise."""

    def numbers(*, quiet: bool = True) -> set[int]:
        return {violation.invariant for violation in check(shop.evidence, quiet=quiet)}

    return numbers
