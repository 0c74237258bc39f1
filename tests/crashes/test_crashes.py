"""A small crash suite: one kill at every crash point, on the database that the tests run with (requirement C1)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from payments.crash_points import POINTS
from tests.support.databases import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]


def test_a_process_killed_at_any_point_loses_nothing_and_charges_nobody_twice(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as environment:
        done = subprocess.run(
            [sys.executable, "-m", "tests.crashes", "--kills", "1", "--seed", "11"],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-4000:]
    result = json.loads(done.stdout)
    assert (result["violations"], result["never_hit"]) == ([], [])
    assert {point for point, kills in result["kills"].items() if kills} == set(POINTS)
