"""What is left over by one test does not reach the next one, whatever it is."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management.sql import emit_post_migrate_signal
from django.db import connection

from disputes.guards import DISPUTE_GUARDS
from payments.guards import PAYMENT_GUARDS, Trigger
from payments.models import Client, Payment
from payments.standing import missing
from refunds.guards import REFUND_GUARDS
from refunds.models import Refund
from tests.payments.conftest import api_key, shop
from tests.refunds.rows import paid, written
from tests.support.emptying import Emptying

# pytest finds fixtures by their names in this file.
__all__ = ["api_key", "shop"]

pytestmark = pytest.mark.django_db(transaction=True)

GUARDS = (*PAYMENT_GUARDS, *REFUND_GUARDS, *DISPUTE_GUARDS)


@pytest.fixture
def flushes() -> list[int]:
    """Return one entry for each time that the slow way was taken."""
    return []


@pytest.fixture
def empty(flushes: list[int]) -> Callable[[], None]:
    """Return what empties the database, and has done so once while it was as migrated."""
    emptying = Emptying()

    def flush() -> None:
        flushes.append(1)
        emit_post_migrate_signal(verbosity=0, interactive=False, db="default")

    def empty() -> None:
        emptying(connection, flush)

    empty()
    return empty


def put(trigger: Trigger) -> None:
    statements = trigger.on_postgresql() if connection.vendor == "postgresql" else (trigger.on_sqlite(),)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_rows_go_and_what_a_migrated_database_holds_and_guards_stays(
    empty: Callable[[], None], flushes: list[int], request: pytest.FixtureRequest
) -> None:
    permissions = list(Permission.objects.order_by("pk").values_list("pk", "codename"))
    written(paid(request.getfixturevalue("shop")))
    empty()
    assert (Refund.objects.count(), Payment.objects.count(), Client.objects.count()) == (0, 0, 0)
    assert list(Permission.objects.order_by("pk").values_list("pk", "codename")) == permissions
    assert permissions != []
    assert (missing(connection, GUARDS), len(flushes)) == ([], 1)


@pytest.mark.parametrize("name", ["payments_auditentry_older", "payments_auditentry_no_update"])
def test_a_guard_too_many_or_of_other_words_does_not_outlive_its_test(
    empty: Callable[[], None], flushes: list[int], name: str
) -> None:
    table, nothing = "payments_auditentry", "SELECT 1;" if connection.vendor == "sqlite" else "RETURN NEW;"
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
    before = names()
    put(Trigger(table, name, "BEFORE UPDATE", nothing))
    empty()
    assert len(flushes) == 2
    assert names() == before | {"payments_auditentry_no_update"}
    empty()
    assert len(flushes) == 2


def names() -> set[str]:
    table = "pg_trigger WHERE NOT tgisinternal" if connection.vendor == "postgresql" else "sqlite_master"
    column = "tgname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return {row[0] for row in cursor.fetchall()}


def test_a_role_that_a_test_changed_is_made_anew(empty: Callable[[], None], flushes: list[int]) -> None:
    Group.objects.earliest("pk").permissions.clear()
    empty()
    assert len(flushes) == 2
