"""Time by the database's clock, so that nodes whose own clocks differ agree on every deadline (invariant 47)."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def database_now() -> datetime:
    """Return the database's time, UTC. With the embedded database that is this machine's own clock."""
    if connection.vendor == "sqlite":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]  # type: ignore[no-any-return]


def now_sql(vendor: str, seconds: int = 0) -> str:
    """Return SQL for the database's time plus `seconds`, in the form in which Django stores times."""
    if vendor == "sqlite":
        return f"STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '{seconds:+d} seconds')"
    # Of the transaction, so that all rows of one transaction carry one time.
    return f"CURRENT_TIMESTAMP + interval '{seconds} seconds'" if seconds else "CURRENT_TIMESTAMP"
