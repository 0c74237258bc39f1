"""Looks into the database of a storm from outside, in plain SQL: who settles, does anybody, who is connected."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import psycopg

_AGE: Final = {
    "postgresql": "SELECT extract(epoch FROM now() - max(beat_at)) FROM payments_settleloop",
    "sqlite": "SELECT (julianday('now') - julianday(max(beat_at))) * 86400 FROM payments_settleloop",
}
_BACKENDS: Final = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY pid
"""
_GATEWAY_EVENTS: Final = "SELECT gateway, event_id FROM payments_gatewayevent"


@dataclass(frozen=True, slots=True)
class Observer:
    """url: postgresql://… or sqlite:///… with an absolute path."""

    url: str

    @property
    def kind(self) -> str:
        return self.url.partition(":")[0]

    def beat_age(self) -> float | None:
        """Return the seconds since a settle loop last gave a sign of life; None where none ever did."""
        age = self._rows(_AGE[self.kind])[0][0]
        return None if age is None else float(age)

    def settling(self) -> list[int]:
        """Return the process ids of those that hold a slot for a settle loop, by its name."""
        rows = self._rows("SELECT holder FROM payments_settleloop WHERE holder <> '' ORDER BY name")
        return [int(holder.split(":")[1]) for (holder,) in rows]

    def payments_by_status(self) -> dict[str, int]:
        return dict(self._rows("SELECT status, count(*) FROM payments_payment GROUP BY 1 ORDER BY 1"))

    def surplus_by_state(self) -> dict[str, int]:
        return dict(self._rows("SELECT state, count(*) FROM payments_surpluscharge GROUP BY 1 ORDER BY 1"))

    def refunds_by_state(self) -> dict[str, int]:
        return dict(self._rows("SELECT state, count(*) FROM refunds_refund GROUP BY 1 ORDER BY 1"))

    def disputes_by_status(self) -> dict[str, int]:
        return dict(self._rows("SELECT status, count(*) FROM disputes_dispute GROUP BY 1 ORDER BY 1"))

    def refunds_by_key(self) -> dict[str, tuple[str, str, int]]:
        """Return key → id, payment and amount in minor units of every refund."""
        rows = self._rows("SELECT idempotency_key, id, payment_id, amount FROM refunds_refund")
        return {key: (refund_id, payment_id, amount) for key, refund_id, payment_id, amount in rows}

    def webhooks(self) -> dict[str, int]:
        """Return how many gateways' events were taken in, how often one came again, and how many were refused."""
        stored, came = self._rows("SELECT count(*), sum(times_received) FROM payments_gatewayevent")[0]
        refused = self._rows("SELECT sum(count) FROM payments_refusedwebhook")[0][0]
        return {
            "webhooks": stored,
            "webhook_duplicates": int(came or 0) - stored,
            "webhooks_refused": int(refused or 0),
        }

    def gateway_events(self) -> set[tuple[str, str]]:
        """Return gateway and id of every event that was taken in."""
        return {(gateway, event_id) for gateway, event_id in self._rows(_GATEWAY_EVENTS)}

    def deliveries(self) -> dict[str, int]:
        """Return how many events have been delivered to the shop, and how many requests were made for that."""
        delivered = self._rows("SELECT count(*) FROM payments_delivery WHERE state = 'delivered'")[0][0]
        return {"delivered": delivered, "delivery_tries": self._rows("SELECT count(*) FROM payments_deliverytry")[0][0]}

    def end_a_connection(self, choice: float) -> bool:
        """Have the server end one client's connection; `choice` (0 to below 1) says whose. False without a server."""
        if self.kind == "sqlite":
            return False
        backends = self._rows(_BACKENDS)
        if not backends:
            return False
        pid = backends[int(choice * len(backends))][0]
        return bool(self._rows("SELECT pg_terminate_backend(%s)", (pid,))[0][0])

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        if self.kind == "sqlite":
            with closing(sqlite3.connect(self.url.removeprefix("sqlite://"), timeout=20)) as connection:
                return connection.execute(query, values).fetchall()
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as server:
            return server.execute(query.encode(), values).fetchall()
