"""Database triggers that hold what the code promises, made from the same tables the code uses.

`QuerySet.update`, raw SQL and a forgotten guard cannot get around them: a state column takes only the edges of its
StateTable and the births it lists, frozen columns never change, append-only tables refuse UPDATE, DELETE and TRUNCATE,
and a payment's counters follow its refunds and disputes. `manage.py migrate` installs them every time, because SQLite
drops a table's triggers whenever a migration rebuilds the table; payments/standing.py does it, and says what is gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from payments.states import ATTEMPT, PAYMENT, SURPLUS, StateTable


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger of one table, for one kind of database.

    event: when it fires, as `BEFORE DELETE`; body: its statements; condition: of the row, empty for always.
    """

    table: str
    name: str
    event: str
    body: str
    condition: str = ""

    def on_sqlite(self) -> str:
        """Return the statement that creates it; SQLite keeps that text."""
        when = f"WHEN {self.condition} " if self.condition else ""
        return f"CREATE TRIGGER {self.name} {self.event} ON {self.table} FOR EACH ROW {when}BEGIN {self.body} END"

    def on_postgresql(self) -> tuple[str, str]:
        """Return the statements that create or replace it: at no moment it is away (PostgreSQL 14 and newer)."""
        level = "STATEMENT" if self.event.endswith("TRUNCATE") else "ROW"
        when = f"WHEN ({self.condition}) " if self.condition else ""
        return (
            f"CREATE OR REPLACE FUNCTION {self.name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {self.body} END $$",
            (
                f"CREATE OR REPLACE TRIGGER {self.name} {self.event} ON {self.table} FOR EACH {level} {when}"
                f"EXECUTE FUNCTION {self.name}()"
            ),
        )


class Guard(Protocol):
    """Triggers on one table, for the database `vendor`. All guards of a table are installed together."""

    @property
    def table(self) -> str: ...

    def triggers(self, vendor: str) -> list[Trigger]: ...


@dataclass(frozen=True, slots=True)
class StateGuard:
    """Guards the state `column` of `table`; `frozen` columns keep their first values, and no row is ever deleted."""

    table: str
    column: str
    states: StateTable
    frozen: tuple[str, ...] = ()

    def triggers(self, vendor: str) -> list[Trigger]:
        births = _quoted(sorted(self.states.births))
        edges = _quoted(sorted(f"{before}>{after}" for before, after in self.states.pairs()))
        born = f"NEW.{self.column} NOT IN ({births})"
        moved = (
            f"NEW.{self.column} <> OLD.{self.column} AND OLD.{self.column} || '>' || NEW.{self.column} NOT IN ({edges})"
        )
        rules = [
            ("INSERT", "birth", born, f"{self.table}.{self.column}: a new row may not be born in this state"),
            (f"UPDATE OF {self.column}", "edge", moved, f"{self.table}.{self.column}: no such transition"),
            ("DELETE", "kept", "", f"{self.table}: rows are never deleted"),
        ]
        found = [_refusal(vendor, self.table, event, kind, message, when) for event, kind, when, message in rules]
        return [*found, _frozen(vendor, self.table, self.frozen)] if self.frozen else found


@dataclass(frozen=True, slots=True)
class Frozen:
    """Keeps the first values of `columns` of `table`; old rows may be deleted."""

    table: str
    columns: tuple[str, ...]

    def triggers(self, vendor: str) -> list[Trigger]:
        return [_frozen(vendor, self.table, self.columns)]


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """Refuses every change to rows of `table` that are there (requirements G1, C7)."""

    table: str

    def triggers(self, vendor: str) -> list[Trigger]:
        events = ("UPDATE", "DELETE", *(("TRUNCATE",) if vendor == "postgresql" else ()))
        message = f"{self.table} is append-only"
        return [_refusal(vendor, self.table, event, f"no_{event.lower()}", message) for event in events]


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

    def triggers(self, vendor: str) -> list[Trigger]:
        added = {name: self.part("NEW", name) for name in self.sums}
        born = ", ".join(f"{name} = {name} + {part}" for name, part in added.items())
        moved = ", ".join(f"{name} = {name} + {part} - {self.part('OLD', name)}" for name, part in added.items())
        end = " RETURN NULL;" if vendor == "postgresql" else ""
        return [
            Trigger(self.table, name, f"AFTER {event}", self._update(sets) + end)
            for (event, name), sets in zip(self._events(), (born, moved), strict=True)
        ]

    def closed(self, vendor: str) -> list[Trigger]:
        """Return triggers of the same names that name no other table, and refuse every row that would be counted."""
        message = f"{self.table}: takes nothing until manage.py migrate has ended well"
        return [
            Trigger(self.table, name, f"BEFORE {event}", _raise(vendor, name, message))
            for event, name in self._events()
        ]

    def part(self, row: str, name: str) -> str:
        """Return what `row` adds to the parent's column `name`, in SQL."""
        states = _quoted(sorted(self.sums[name]))
        return f"CASE WHEN {row}.{self.column} IN ({states}) THEN {row}.amount ELSE 0 END"

    def _events(self) -> tuple[tuple[str, str], ...]:
        moved = f"UPDATE OF {self.column}, amount"
        return ("INSERT", f"{self.table}_sums_born"), (moved, f"{self.table}_sums_moved")

    def _update(self, sets: str) -> str:
        # Names of our own models and states, never input.
        return f"UPDATE {self.parent} SET {sets} WHERE id = NEW.{self.foreign_key};"  # noqa: S608


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


def _frozen(vendor: str, table: str, columns: tuple[str, ...]) -> Trigger:
    changed = " OR ".join(f"NEW.{name} <> OLD.{name}" for name in columns)
    names = ", ".join(columns)
    return _refusal(vendor, table, f"UPDATE OF {names}", "frozen", f"{table}: {names} never change", changed)


def _refusal(vendor: str, table: str, event: str, kind: str, message: str, condition: str = "") -> Trigger:
    name = f"{table}_{kind}"
    return Trigger(table, name, f"BEFORE {event}", _raise(vendor, name, message), condition)


def _raise(vendor: str, name: str, message: str) -> str:
    if vendor == "sqlite":
        return f"SELECT RAISE(ABORT, '{message}');"
    # Raised as a check violation, so that the code sees an IntegrityError on both databases.
    return f"RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation', CONSTRAINT = '{name}';"


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)
