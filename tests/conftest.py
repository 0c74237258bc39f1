"""Fixtures and set-up that every test shares."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.management.commands import flush
from django.db import connections

from disputes.guards import DISPUTE_GUARDS
from payments import guards, standing
from payments.declines import rules
from refunds.guards import REFUND_GUARDS


@pytest.fixture(scope="session", autouse=True)
def _tables_can_be_emptied_between_tests() -> Iterator[None]:
    """Take the append-only triggers away while Django empties the tables; its post_migrate puts them back."""
    original = flush.Command.handle

    def handle(self: flush.Command, **options: Any) -> None:
        every = (*guards.PAYMENT_GUARDS, *REFUND_GUARDS, *DISPUTE_GUARDS)
        standing.uninstall(connections[options["database"]], every)
        original(self, **options)

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
