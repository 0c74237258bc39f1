"""Writes many rows of one model at once."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import Model


class StaleRowError(RuntimeError):
    """A row that was locked a moment ago is no longer what was read: the whole transaction must be given up."""


def update_each(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write `fields` of each row, in one trip to the database.

    The caller holds the rows' locks. Raises StaleRowError unless exactly these rows were changed: the last guard on
    databases that ignore row locks.
    """
    if not rows:
        return
    meta = rows[0]._meta
    columns = [meta.get_field(name) for name in fields]
    assignments = ", ".join(f'"{column.column}" = %s' for column in columns)  # type: ignore[union-attr]
    values = [
        [column.get_db_prep_save(getattr(row, column.attname), connection) for column in columns]  # type: ignore[union-attr]
        + [row.pk]
        for row in rows
    ]
    with connection.cursor() as cursor:
        # Table and columns come from the model, never from input.
        cursor.executemany(f'UPDATE "{meta.db_table}" SET {assignments} WHERE "id" = %s', values)  # noqa: S608
        if cursor.rowcount != len(rows):
            raise StaleRowError(f"{cursor.rowcount} of {len(rows)} rows of {meta.db_table} were there to change")
