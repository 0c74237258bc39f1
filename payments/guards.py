"""Database triggers that hold what the code promises, made from the same tables the code uses.

`QuerySet.update`, raw SQL and a forgotten guard cannot get around them: a state column takes only the edges of its
StateTable and the births it lists, frozen columns never change, and append-only tables refuse UPDATE, DELETE and
TRUNCATE. `manage.py migrate` (re)installs them every time, because SQLite drops a table's triggers whenever a migration
rebuilds the table.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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


Guard = StateGuard | AppendOnly | Frozen

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
    """Drop the triggers of `guards`; only the test suite does so, to empty its tables between tests."""
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
