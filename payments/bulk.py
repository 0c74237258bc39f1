"""Writes many rows of one model at once: on PostgreSQL one statement whatever their number, elsewhere one trip.

The rows travel as one JSON document, so that the statement has one parameter. Django's `bulk_create` and a statement
per row cost two to three times as much, here and in the database (docs/performance.md).
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import orjson
from django.db import connection
from django.db.models import Field, Model

# Tables and columns come from the models, never from input.
_INSERT: Final = "INSERT INTO {table} ({names}) VALUES ({marks})"
_INSERT_ALL: Final = "INSERT INTO {table} ({names}) SELECT {names} FROM json_to_recordset(%s) AS new({types})"
_UPDATE: Final = "UPDATE {table} SET {sets} WHERE id = %s"
_UPDATE_ALL: Final = "UPDATE {table} SET {sets} FROM json_to_recordset(%s) AS new({types}) WHERE {table}.id = new.id"


class StaleRowError(RuntimeError):
    """A row that was locked a moment ago is no longer what was read: the whole transaction must be given up."""


def insert_each(rows: Sequence[Model]) -> None:
    """Insert new `rows`; nothing is read back. What the first of them leaves to the database, all leave to it."""
    if not rows:
        return
    table = rows[0]._meta.db_table
    columns = [column for column in rows[0]._meta.concrete_fields if _is_given(rows[0], column)]
    names = ", ".join(f'"{column.column}"' for column in columns)
    if connection.vendor == "postgresql":
        _together(_INSERT_ALL.format(table=table, names=names, types=_types(columns)), columns, rows)
    else:
        _in_turn(_INSERT.format(table=table, names=names, marks=", ".join(["%s"] * len(columns))), columns, rows)


def update_each(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write `fields` of each row.

    The caller holds the rows' locks. Raises StaleRowError unless exactly these rows were changed: the last guard on
    databases that ignore row locks.
    """
    if not rows:
        return
    table, known = rows[0]._meta.db_table, rows[0]._meta.concrete_fields
    changed = [column for column in known if column.name in fields]
    columns = [*changed, *(column for column in known if column.primary_key)]
    if connection.vendor == "postgresql":
        sets = ", ".join(f'"{column.column}" = new."{column.column}"' for column in changed)
        count = _together(_UPDATE_ALL.format(table=table, sets=sets, types=_types(columns)), columns, rows)
    else:
        sets = ", ".join(f'"{column.column}" = %s' for column in changed)
        count = _in_turn(_UPDATE.format(table=table, sets=sets), columns, rows)
    if count != len(rows):
        raise StaleRowError(f"{count} of {len(rows)} rows of {table} were there to change")


def _is_given(row: Model, column: "Field[Any, Any]") -> bool:
    value = getattr(row, column.attname)
    return not hasattr(value, "resolve_expression") and not (value is None and column.primary_key)


def _types(columns: "Sequence[Field[Any, Any]]") -> str:
    """Return the columns' SQL types; without lengths, as a cast to those would cut off silently."""
    kinds = [re.sub(r"\(.*\)", "", column.rel_db_type(connection) or "") for column in columns]
    return ", ".join(f'"{column.column}" {kind}' for column, kind in zip(columns, kinds, strict=True))


def _together(sql: str, columns: "Sequence[Field[Any, Any]]", rows: Sequence[Model]) -> int:
    names = [(column.column, column.attname) for column in columns]
    document = orjson.dumps([{name: getattr(row, attribute) for name, attribute in names} for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(sql, [document.decode()])
        return int(cursor.rowcount)


def _in_turn(sql: str, columns: "Sequence[Field[Any, Any]]", rows: Sequence[Model]) -> int:
    values = [[column.get_db_prep_save(getattr(row, column.attname), connection) for column in columns] for row in rows]
    with connection.cursor() as cursor:
        cursor.executemany(sql, values)
        return int(cursor.rowcount)
