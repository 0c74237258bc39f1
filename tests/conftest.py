"""Fixtures and set-up that every test shares."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management.commands import flush
from django.db import connections

from payments.declines import rules
from tests.support.emptying import Emptying


@pytest.fixture(scope="session", autouse=True)
def _tables_are_emptied_between_tests() -> Iterator[None]:
    """Empty the tables in our own way where Django would `flush` them after a test that commits."""
    original, empty = flush.Command.handle, Emptying()

    def handle(self: flush.Command, **options: Any) -> None:
        empty(connections[options["database"]], lambda: original(self, **options))

    patch = pytest.MonkeyPatch()
    patch.setattr(flush.Command, "handle", handle)
    yield
    patch.undo()


@pytest.fixture(scope="session", autouse=True)
def _there_is_a_folder_of_static_files() -> None:
    """Make the folder that `collectstatic` fills, whose absence is a warning and so an error."""
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


@pytest.fixture(autouse=True)
def _the_decline_map_is_the_default() -> None:
    """Hold the built-in map until a test changes a rule, so that no count of statements depends on the clock."""
    rules.hold(rules.Snapshot.of([], read_at=math.inf))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `once` what asks for no database, which pytest-django then keeps from using one."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        asks = item.get_closest_marker("django_db") or fixtures & {"db", "transactional_db"}
        if not asks and not item.get_closest_marker("slow"):
            item.add_marker("once")
