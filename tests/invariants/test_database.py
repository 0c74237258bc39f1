"""The checker on the kind of database that the test run uses, in a database of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.invariants import Violation, check
from tests.invariants.conftest import DATABASE, migrate
from tests.invariants.healthy import tell_healthy_stories
from tests.invariants.made_up import MadeUp
from tests.support.databases import fresh_database

RECORDS = ("payments_auditentry", "payments_ledgerposting")


@pytest.fixture
def real_shop(tmp_path: Path, db: None) -> Iterator[MadeUp]:
    with fresh_database(tmp_path) as environment:
        migrate(environment)
        shop = MadeUp(tmp_path, environment["DATABASE_URL"] or f"sqlite://{tmp_path / DATABASE}")
        tell_healthy_stories(shop)
        yield shop


def test_healthy_evidence_breaks_nothing_and_damage_is_found(real_shop: MadeUp) -> None:
    assert check(real_shop.evidence, quiet=False) == []
    assert check(real_shop.evidence, quiet=True) == []
    real_shop.accept("forgotten")
    real_shop.at_gateway("primary", "DELETE FROM charges WHERE id = 'ch_paid_1'")
    assert [violation.invariant for violation in check(real_shop.evidence, quiet=True)] == [4, 9, 12, 13]


def test_records_that_can_be_changed_are_found_and_not_changed(real_shop: MadeUp) -> None:
    on_server = real_shop.database_url.startswith("postgresql")
    before = [real_shop.sql(f"SELECT * FROM {table} ORDER BY id") for table in RECORDS]
    kinds = ["update", "delete", "truncate"] if on_server else ["update", "delete"]
    for table in RECORDS:
        for kind in kinds:
            real_shop.sql(f"DROP TRIGGER {table}_no_{kind}" + (f" ON {table}" if on_server else ""))
    expected = [Violation(23, table, f"the database allows {kind.upper()}") for table in RECORDS for kind in kinds]
    assert check(real_shop.evidence, quiet=True) == sorted(expected)
    assert [real_shop.sql(f"SELECT * FROM {table} ORDER BY id") for table in RECORDS] == before
