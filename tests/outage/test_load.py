"""Gateways that fail under load, with real processes (requirements B6 to B8; faults N27, N28)."""

from pathlib import Path

import pytest

from tests.outage.load import run
from tests.support.databases import fresh_database

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_gateways_that_fail_under_load_lose_nothing_and_charge_nothing_twice(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as environment:
        result = run(6, 18.0, environment["DATABASE_URL"], tmp_path)
    assert result.violations == []
    assert (result.unfinished, result.unanswered, result.double_charges) == ([], [], 0)
    assert result.accepted == 108
    # It was an outage: otherwise all of this would say nothing.
    assert (result.fired["gateway paused"], result.fired["gateway killed"]) == (1, 2)
    assert result.fired["not_sent: refused"] >= 5
    assert {"hangs_open", "killed_open", "both_down"} <= result.phases.keys()
    assert result.levels["success, level 1"] > 0
    assert result.levels["success, level 3"] > 0
    # Every order of a trusted customer that was accepted for later is paid by now.
    assert all(name == "failed, level 6" or name.startswith("success") for name in result.levels)
    assert result.drain["charges"] >= result.drain["orders"]
