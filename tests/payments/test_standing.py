"""Guards are installed without a moment in which they are away, and what is gone is found (A11, D1)."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.guards import PAYMENT_GUARDS, AppendOnly, Frozen, Trigger
from payments.models import AuditEntry
from payments.standing import install, missing, uninstall

pytestmark = pytest.mark.django_db

on_postgresql = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's triggers alone")


def put(trigger: Trigger) -> None:
    """Create `trigger`, whichever database this is."""
    statements = trigger.on_postgresql() if connection.vendor == "postgresql" else (trigger.on_sqlite(),)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def names() -> set[str]:
    table = "pg_trigger WHERE NOT tgisinternal" if connection.vendor == "postgresql" else "sqlite_master"
    column = "tgname" if connection.vendor == "postgresql" else "name"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {table}")
        return {row[0] for row in cursor.fetchall()}


def test_every_guard_stands_after_the_migrations() -> None:
    assert missing(connection, PAYMENT_GUARDS) == []


def test_installing_again_takes_no_guard_away() -> None:
    with CaptureQueriesContext(connection) as queries:
        install(connection, PAYMENT_GUARDS)
    statements = [query["sql"] for query in queries.captured_queries]
    assert [statement for statement in statements if "DROP" in statement] == []
    replaced = [statement for statement in statements if statement.startswith("CREATE OR REPLACE TRIGGER")]
    expected = sum(len(guard.triggers("postgresql")) for guard in PAYMENT_GUARDS)
    assert len(replaced) == (expected if connection.vendor == "postgresql" else 0)


def test_a_guard_that_is_gone_is_missing_until_it_is_installed_again() -> None:
    uninstall(connection, [AppendOnly("payments_circuitchange")])
    gone = ["payments_circuitchange_no_update", "payments_circuitchange_no_delete"]
    gone += ["payments_circuitchange_no_truncate"] if connection.vendor == "postgresql" else []
    assert missing(connection, PAYMENT_GUARDS) == gone
    install(connection, PAYMENT_GUARDS)
    assert missing(connection, PAYMENT_GUARDS) == []


@on_postgresql
def test_a_guard_that_was_disabled_is_missing_until_it_is_installed_again() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_auditentry DISABLE TRIGGER payments_auditentry_no_update")
    assert missing(connection, PAYMENT_GUARDS) == ["payments_auditentry_no_update"]
    install(connection, PAYMENT_GUARDS)
    assert missing(connection, PAYMENT_GUARDS) == []


def test_a_guard_of_an_older_release_is_dropped_and_other_peoples_triggers_stay() -> None:
    nothing = "SELECT 1;" if connection.vendor == "sqlite" else "RETURN NEW;"
    put(Trigger("payments_auditentry", "payments_auditentry_older", "BEFORE UPDATE", nothing))
    put(Trigger("payments_auditentry", "replication", "BEFORE UPDATE", nothing))
    install(connection, PAYMENT_GUARDS)
    assert {"payments_auditentry_older", "replication"} & names() == {"replication"}


def test_a_guard_that_changed_is_replaced() -> None:
    table = AuditEntry._meta.db_table
    install(connection, [AppendOnly(table), Frozen(table, ("actor",))])
    install(connection, [AppendOnly(table), Frozen(table, ("actor", "action"))])
    assert missing(connection, [Frozen(table, ("actor", "action"))]) == []
    install(connection, PAYMENT_GUARDS)
    assert f"{table}_frozen" not in names()
