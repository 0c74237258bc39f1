"""The benchmark itself works: a short run measures, checks its own results, and writes the figures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import find_binaries

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.skipif(find_binaries() is None, reason="there is no PostgreSQL server on this machine")
def test_a_quick_run_measures_and_finds_one_charge_per_payment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick"],
        cwd=ROOT,
        env={**os.environ, "PAYSITE_VAR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "bench.json").read_text())
    assert found["accept"]["perSecond"] > 0
    assert found["settle"]["perSecond"] > 0
    assert found["webhooks"]["events"] == found["deliver"]["events"] == 1000
    assert found["checks"]["charges"] == found["checks"]["payments"] > 0
