"""The site's database during an outage, seen from outside in plain SQL, on PostgreSQL and SQLite."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import psycopg

_PAID: Final = """
    SELECT p.id, p.idempotency_key, p.status, p.level, p.created_at, p.processed_at,
        (SELECT min(a.at) FROM payments_auditentry a WHERE a.payment_id = p.id AND a.action = 'payment.queued'),
        (SELECT count(*) FROM payments_attempt t WHERE t.payment_id = p.id AND t.gateway = 'primary'),
        (SELECT count(*) FROM payments_auditentry a WHERE a.payment_id = p.id AND a.action = 'attempt.unknown')
    FROM payments_payment p
"""
_TRUST: Final = """
    INSERT INTO payments_customerstanding (client_id, customer_reference, trusted, reason, set_by, set_at)
    SELECT id, {mark}, {true}, 'Pays always', 'tests', CURRENT_TIMESTAMP FROM payments_client
"""
_HURRY: Final = {
    "postgresql": "UPDATE payments_payment SET due_at = due_at - {seconds} * interval '1 second' WHERE {waiting}",
    "sqlite": "UPDATE payments_payment"
    " SET due_at = strftime('%Y-%m-%d %H:%M:%f', due_at, '-{seconds} seconds') WHERE {waiting}",
}
_QUEUED: Final = "queued_at IS NOT NULL AND status = 'retrying'"
_WAITING: Final = f"{_QUEUED} AND due_at IS NOT NULL AND claimed_until IS NULL"
_LOST: Final = """
    SELECT action, reason, count(*) FROM payments_auditentry
    WHERE action IN ('attempt.unknown', 'attempt.not_sent') AND "before" = 'sent' GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Paid:
    """One payment. Times are seconds since 1970, 0 where there is none.

    known_at: when its customer could know how it ended: paid, failed, or accepted for later. tried_primary: whether
    anything was sent to the first gateway. was_unknown: whether an answer was lost.
    """

    id: str
    key: str
    status: str
    level: int
    created_at: float
    known_at: float
    tried_primary: bool
    was_unknown: bool
    was_queued: bool


@dataclass(frozen=True, slots=True)
class Database:
    """url: `postgresql://…`, or `sqlite://` and an absolute path."""

    url: str

    def payments(self) -> list[Paid]:
        return [_paid(row) for row in self._rows(_PAID)]

    def breaker(self, gateway: str) -> str:
        """Return the state of the breaker of the gateway's charges."""
        rows = self._rows(
            f"SELECT state FROM payments_circuit WHERE gateway = '{gateway}' AND operation = 'charge'",
        )
        return str(rows[0][0]) if rows else "closed"

    def trust(self, customers: Sequence[str]) -> None:
        """Have an operator trust these customers of the one shop there is."""
        mark, true = ("%s", "true") if self._is_postgresql else ("?", "1")
        self._write(_TRUST.format(mark=mark, true=true), [(customer,) for customer in customers])

    def hurry_queue(self, seconds: float) -> None:
        """Let `seconds` pass for accepted orders that wait for a gateway, and for nothing else."""
        kind = "postgresql" if self._is_postgresql else "sqlite"
        self._write(_HURRY[kind].format(seconds=seconds, waiting=_WAITING), [()])

    def queued(self) -> int:
        """Return how many accepted orders wait for a gateway."""
        return int(self._rows(f"SELECT count(*) FROM payments_payment WHERE {_QUEUED}")[0][0])

    def lost_calls(self) -> dict[str, int]:
        """Return how many calls were lost or never arrived, by what was noted about them."""
        return {f"{action.removeprefix('attempt.')}: {reason}": count for action, reason, count in self._rows(_LOST)}

    @property
    def _is_postgresql(self) -> bool:
        return self.url.startswith("postgresql:")

    def _rows(self, query: str) -> list[Any]:
        if self._is_postgresql:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as server:
                return server.execute(query.encode()).fetchall()
        with closing(sqlite3.connect(self.url.removeprefix("sqlite://"), timeout=20)) as connection:
            return connection.execute(query).fetchall()

    def _write(self, statement: str, values: Sequence[tuple[str, ...]]) -> None:
        if self._is_postgresql:
            with psycopg.connect(self.url, autocommit=True) as server, server.cursor() as cursor:
                cursor.executemany(statement.encode(), values)
            return
        with closing(sqlite3.connect(self.url.removeprefix("sqlite://"), timeout=20)) as connection, connection:
            connection.executemany(statement, values)


def _paid(row: Sequence[Any]) -> Paid:
    payment_id, key, status, level, created, processed, queued, primary, unknown = row
    known = [_seconds(at) for at in (processed, queued) if at]
    return Paid(
        id=payment_id,
        key=key,
        status=status,
        level=level,
        created_at=_seconds(created),
        known_at=min(known, default=0.0),
        tried_primary=primary > 0,
        was_unknown=unknown > 0,
        was_queued=bool(queued),
    )


def _seconds(at: Any) -> float:
    """Return seconds since 1970; SQLite hands times out as text without their zone, which is UTC."""
    moment = at if isinstance(at, datetime) else datetime.fromisoformat(at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
