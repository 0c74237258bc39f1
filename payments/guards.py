"""Database triggers that hold what the code promises, made from the same tables the code uses.

`QuerySet.update`, raw SQL and a forgotten guard cannot get around them: a state column takes only the edges of its
StateTable and the births it lists, frozen columns never change, and append-only tables refuse UPDATE, DELETE and
TRUNCATE. `manage.py migrate` (re)installs them every time, because SQLite drops a table's triggers whenever a migration
rebuilds the table.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.backends.base.base import BaseDatabaseWrapper

from payments.states import ATTEMPT, PAYMENT, SURPLUS, StateTable


@dataclass(frozen=True, slots=True)
class StateGuard:
    """Guards the state `column` of `table`; `frozen` columns keep their first values, and no row is ever deleted."""

    table: str
    column: str
    states: StateTable
    frozen: tuple[str, ...] = ()

    def statements(self, vendor: str) -> list[str]:
        births = _quoted(sorted(self.states.births))
        edges = _quoted(f"{before}>{after}" for before, after in self.states.pairs())
        born = f"NEW.{self.column} NOT IN ({births})"
        moved = (
            f"NEW.{self.column} <> OLD.{self.column} AND OLD.{self.column} || '>' || NEW.{self.column} NOT IN ({edges})"
        )
        rules = [
            ("INSERT", "birth", born, f"{self.table}.{self.column}: a new row may not be born in this state"),
            (f"UPDATE OF {self.column}", "edge", moved, f"{self.table}.{self.column}: no such transition"),
        ]
        rules.append(("DELETE", "kept", "", f"{self.table}: rows are never deleted"))
        found = [
            statement
            for event, kind, when, message in rules
            for statement in _trigger(vendor, self.table, event, f"{self.table}_{kind}", when, message)
        ]
        return [*found, *_frozen(vendor, self.table, self.frozen)] if self.frozen else found


@dataclass(frozen=True, slots=True)
class Frozen:
    """Keeps the first values of `columns` of `table`; old rows may be deleted."""

    table: str
    columns: tuple[str, ...]

    def statements(self, vendor: str) -> list[str]:
        return _frozen(vendor, self.table, self.columns)


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """Refuses every change to rows of `table` that are there (requirements G1, C7)."""

    table: str

    def statements(self, vendor: str) -> list[str]:
        message = f"{self.table} is append-only"
        found = [
            *_trigger(vendor, self.table, "UPDATE", f"{self.table}_no_update", "", message),
            *_trigger(vendor, self.table, "DELETE", f"{self.table}_no_delete", "", message),
        ]
        if vendor == "postgresql":
            found += _trigger(vendor, self.table, "TRUNCATE", f"{self.table}_no_truncate", "", message)
        return found


@dataclass(frozen=True, slots=True)
class Sums:
    """Keeps columns of a parent row equal to the sums of `amount` of those of its rows of `table` that are in a state.

    column: of the state; parent: the table of the parent, whose key is `foreign_key`; sums: the parent's column → the
    states that it counts. The parent's own check constraints then hold for all rows together, whoever writes them and
    however many at once: each waits for the parent's row.
    """

    table: str
    column: str
    parent: str
    foreign_key: str
    sums: Mapping[str, Iterable[str]]

    def statements(self, vendor: str) -> list[str]:
        added = {name: self._part("NEW", states) for name, states in self.sums.items()}
        taken = {name: self._part("OLD", states) for name, states in self.sums.items()}
        born = ", ".join(f"{name} = {name} + {part}" for name, part in added.items())
        moved = ", ".join(f"{name} = {name} + {part} - {taken[name]}" for name, part in added.items())
        return [
            *self._trigger(vendor, "INSERT", f"{self.table}_sums_born", born),
            *self._trigger(vendor, f"UPDATE OF {self.column}, amount", f"{self.table}_sums_moved", moved),
        ]

    def _part(self, row: str, states: Iterable[str]) -> str:
        return f"CASE WHEN {row}.{self.column} IN ({_quoted(states)}) THEN {row}.amount ELSE 0 END"

    def _trigger(self, vendor: str, event: str, name: str, sets: str) -> list[str]:
        # Names of our own models and states, never input.
        body = f"UPDATE {self.parent} SET {sets} WHERE id = NEW.{self.foreign_key};"  # noqa: S608
        head = f"CREATE TRIGGER {name} AFTER {event} ON {self.table} FOR EACH ROW"
        if vendor == "sqlite":
            return [f"DROP TRIGGER IF EXISTS {name}", f"{head} BEGIN {body} END"]
        function = f"$$ BEGIN {body} RETURN NULL; END $$"
        return [
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS {function}",
            f"DROP TRIGGER IF EXISTS {name} ON {self.table}",
            f"{head} EXECUTE FUNCTION {name}()",
        ]


class Guard(Protocol):
    """Triggers on one table. statements: what (re)creates them, for the database `vendor`."""

    @property
    def table(self) -> str: ...

    def statements(self, vendor: str) -> list[str]: ...


PAYMENT_GUARDS: tuple[Guard, ...] = (
    StateGuard("payments_payment", "status", PAYMENT, frozen=("order_id", "client_id", "amount", "currency")),
    StateGuard(
        "payments_attempt",
        "state",
        ATTEMPT,
        frozen=("payment_id", "gateway", "gateway_key", "amount", "currency", "token"),
    ),
    StateGuard(
        "payments_surpluscharge",
        "state",
        SURPLUS,
        frozen=("payment_id", "attempt_id", "gateway", "gateway_reference", "amount", "currency"),
    ),
    AppendOnly("payments_auditentry"),
    AppendOnly("payments_ledgerposting"),
    AppendOnly("payments_declinerulechange"),
    AppendOnly("payments_circuitchange"),
    # All bodies of one event are the same bytes (invariant 32), and what a gateway signed stays what it was.
    Frozen("payments_event", ("client_id", "payment_id", "sequence", "type", "body", "happened_at")),
    Frozen("payments_gatewayevent", ("gateway", "event_id", "body")),
)


def install(connection: BaseDatabaseWrapper, guards: Iterable[Guard]) -> None:
    """Create or replace the triggers of `guards`, whose tables must exist."""
    with connection.cursor() as cursor:
        for guard in guards:
            for statement in guard.statements(connection.vendor):
                cursor.execute(statement)


def uninstall(connection: BaseDatabaseWrapper, guards: Iterable[Guard]) -> None:
    """Drop the triggers of `guards`: before a migration, and in tests, to empty the tables between them."""
    with connection.cursor() as cursor:
        for guard in guards:
            for statement in guard.statements(connection.vendor):
                if statement.startswith("DROP TRIGGER"):
                    cursor.execute(statement)


def install_after_migrate(guards: tuple[Guard, ...]) -> Any:
    """Return a post_migrate receiver that installs `guards`."""

    def receiver(using: str, **_: Any) -> None:
        from django.db import connections

        connection = connections[using]
        tables = set(connection.introspection.table_names())
        install(connection, [guard for guard in guards if guard.table in tables])

    return receiver


def uninstall_before_migrate(guards: tuple[Guard, ...]) -> Any:
    """Return a pre_migrate receiver that drops `guards` from SQLite where there is something to migrate.

    SQLite rebuilds a table by renaming another, and refuses that where a trigger elsewhere names the table.
    """

    def receiver(using: str, plan: Any = (), **_: Any) -> None:
        from django.db import connections

        connection = connections[using]
        if plan and connection.vendor == "sqlite":
            tables = set(connection.introspection.table_names())
            uninstall(connection, [guard for guard in guards if guard.table in tables])

    return receiver


def _frozen(vendor: str, table: str, columns: tuple[str, ...]) -> list[str]:
    changed = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in columns)
    names = ", ".join(columns)
    return _trigger(vendor, table, f"UPDATE OF {names}", f"{table}_frozen", changed, f"{table}: {names} never change")


def _trigger(vendor: str, table: str, event: str, name: str, when: str, message: str) -> list[str]:
    if vendor == "sqlite":
        condition = f"WHEN {when} " if when else ""
        return [
            f"DROP TRIGGER IF EXISTS {name}",
            (
                f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW {condition}"
                f"BEGIN SELECT RAISE(ABORT, '{message}'); END"
            ),
        ]
    level = "STATEMENT" if event == "TRUNCATE" else "ROW"
    condition = f"WHEN ({when}) " if when else ""
    # Raised as a check violation, so that the code sees an IntegrityError on both databases.
    body = f"RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation', CONSTRAINT = '{name}';"
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$",
        f"DROP TRIGGER IF EXISTS {name} ON {table}",
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {level} {condition}EXECUTE FUNCTION {name}()",
    ]


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
