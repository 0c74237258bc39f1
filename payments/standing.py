"""Puts the triggers of payments/guards.py into the database, and says which of them are not standing.

No writer ever meets a table without its guards: all of one table change in one transaction, which on PostgreSQL
replaces each in place. One table at a time, as a lock on several could wait for a writer that waits for it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from payments.guards import Guard, Sums, Trigger

# Table and name of a trigger → its text, where the database keeps it.
Standing = Mapping[tuple[str, str], str]

# Any number that no other advisory lock of ours has.
_ONE_AT_A_TIME: Final = 7_405_119
_ON_SQLITE: Final = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
# Only ours: a function of the trigger's own name. One that somebody disabled does not stand.
_ON_POSTGRESQL: Final = """
    SELECT tables.relname, triggers.tgname, '' FROM pg_trigger triggers
    JOIN pg_class tables ON tables.oid = triggers.tgrelid
    JOIN pg_proc functions ON functions.oid = triggers.tgfoid AND functions.proname = triggers.tgname
    WHERE NOT triggers.tgisinternal AND triggers.tgenabled <> 'D' AND pg_table_is_visible(tables.oid)
"""


def install(connection: BaseDatabaseWrapper, guards: Iterable[Guard]) -> None:
    """Make the triggers of the guarded tables, which must exist, what `guards` say; safe to repeat."""
    for table, triggers in _by_table(connection.vendor, guards).items():
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                # Two nodes may migrate at once, and PostgreSQL lets only one of them replace a function.
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
            standing = _standing(cursor)
            names = {trigger.name for trigger in triggers}
            # A guard of an older release, by our own pattern of names.
            for guarded, name in standing:
                if guarded == table and name.startswith(f"{table}_") and name not in names:
                    _drop(cursor, table, name)
            _put(cursor, triggers, standing)


def uninstall(connection: BaseDatabaseWrapper, guards: Iterable[Guard]) -> None:
    """Drop the triggers of `guards`: in tests, to empty the tables between them."""
    with connection.cursor() as cursor:
        for table, triggers in _by_table(connection.vendor, guards).items():
            for trigger in triggers:
                _drop(cursor, table, trigger.name)


def missing(connection: BaseDatabaseWrapper, guards: Iterable[Guard]) -> list[str]:
    """Return the names of those triggers of `guards` that do not stand, in one statement.

    On SQLite those of another text as well, for example closed by a migration that failed.
    """
    with connection.cursor() as cursor:
        standing = _standing(cursor)
    triggers = [trigger for guard in guards for trigger in guard.triggers(connection.vendor)]
    return [trigger.name for trigger in triggers if not _stands(trigger, standing, connection.vendor)]


def install_after_migrate(guards: tuple[Guard, ...]) -> Any:
    """Return a post_migrate receiver that installs `guards`."""

    def receiver(using: str, **_: Any) -> None:
        connection = connections[using]
        install(connection, of_tables(connection, guards))

    return receiver


def close_before_migrate(guards: tuple[Guard, ...]) -> Any:
    """Return a pre_migrate receiver that closes the tables with `Sums` on SQLite where there is something to migrate.

    SQLite rebuilds a table by renaming another, and refuses that where a trigger elsewhere names the table. While
    nothing counts their rows, those tables take none: also where the migration fails, until the next one ends well.
    """

    def receiver(using: str, plan: Any = (), **_: Any) -> None:
        connection = connections[using]
        if not plan or connection.vendor != "sqlite":
            return
        sums = [guard for guard in of_tables(connection, guards) if isinstance(guard, Sums)]
        with transaction.atomic(using=using), connection.cursor() as cursor:
            for guard in sums:
                _put(cursor, guard.closed(connection.vendor), _standing(cursor))

    return receiver


def of_tables(connection: BaseDatabaseWrapper, guards: Iterable[Guard]) -> list[Guard]:
    """Return those of `guards` whose table exists."""
    tables = set(connection.introspection.table_names())
    return [guard for guard in guards if guard.table in tables]


def _by_table(vendor: str, guards: Iterable[Guard]) -> Mapping[str, list[Trigger]]:
    found: defaultdict[str, list[Trigger]] = defaultdict(list)
    for guard in guards:
        found[guard.table] += guard.triggers(vendor)
    return found


def _standing(cursor: CursorWrapper) -> Standing:
    cursor.execute(_ON_SQLITE if cursor.db.vendor == "sqlite" else _ON_POSTGRESQL)
    return {(table, name): text for table, name, text in cursor.fetchall()}


def _stands(trigger: Trigger, standing: Standing, vendor: str) -> bool:
    text = standing.get((trigger.table, trigger.name))
    return text is not None and (vendor != "sqlite" or text == trigger.on_sqlite())


def _put(cursor: CursorWrapper, triggers: Iterable[Trigger], standing: Standing) -> None:
    for trigger in triggers:
        if cursor.db.vendor == "postgresql":
            for statement in trigger.on_postgresql():
                cursor.execute(statement)
        elif not _stands(trigger, standing, "sqlite"):
            _drop(cursor, trigger.table, trigger.name)
            cursor.execute(trigger.on_sqlite())


def _drop(cursor: CursorWrapper, table: str, name: str) -> None:
    on_table = f" ON {table}" if cursor.db.vendor == "postgresql" else ""
    cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on_table}")
