"""Reads our tables in one snapshot, so that what one transaction wrote is seen wholly or not at all."""

import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import psycopg

from tests.invariants.rows import (
    Attempt,
    BulkRefund,
    Client,
    Delivery,
    Dispute,
    Endpoint,
    Entry,
    Event,
    GatewayEvent,
    Message,
    Order,
    Payment,
    Posting,
    Record,
    Refund,
    RefundAttempt,
    Surplus,
    Task,
)

Row = TypeVar("Row", bound=tuple[Any, ...])
Select = Callable[[str], Iterable[tuple[Any, ...]]]

# Seconds to wait for another writer of the embedded database.
PATIENCE: Final = 30
# Read from an audit entry's data.
_IN_DATA: Final = {"started_key": "key", "started_number": "attempt", "approved_hash": "parameters"}
_EPOCH: Final = {
    "postgresql": "extract(epoch FROM {0})::float8",
    "sqlite": "(julianday({0}) - 2440587.5) * 86400.0",
}


@dataclass(frozen=True)
class OurRows:
    """All of our database that the invariants speak of; audit entries in the order of their ids."""

    clients: list[Client]
    orders: list[Order]
    payments: list[Payment]
    attempts: list[Attempt]
    records: list[Record]
    entries: list[Entry]
    postings: list[Posting]
    tasks: list[Task]
    surpluses: list[Surplus]
    events: list[Event]
    endpoints: list[Endpoint]
    deliveries: list[Delivery]
    gateway_events: list[GatewayEvent]
    messages: list[Message]
    refunds: list[Refund]
    refund_attempts: list[RefundAttempt]
    disputes: list[Dispute]
    bulk_refunds: list[BulkRefund]


def vendor_of(database_url: str) -> str:
    """Return `postgresql` or `sqlite`; raise ValueError for anything else."""
    scheme = database_url.partition("://")[0]
    vendor = {"postgresql": "postgresql", "postgres": "postgresql", "sqlite": "sqlite"}.get(scheme)
    if vendor is None:
        raise ValueError(f"The database must be postgresql://… or sqlite:///…, not {scheme}.")
    return vendor


def sqlite_path(database_url: str) -> str:
    return database_url.removeprefix("sqlite://")


def read_database(database_url: str) -> OurRows:
    """Return our rows as one moment saw them."""
    vendor = vendor_of(database_url)
    if vendor == "postgresql":
        with psycopg.connect(database_url) as server:
            server.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            return _read(vendor, lambda query: server.execute(query.encode()).fetchall())
    uri = f"file:{sqlite_path(database_url)}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)) as file:
        # The first SELECT of a transaction takes the snapshot that all of them see.
        file.execute("BEGIN")
        return _read(vendor, file.execute)


def _read(vendor: str, select: Select) -> OurRows:
    def rows(kind: type[Row], table: str, app: str = "payments") -> list[Row]:
        columns = ", ".join(_column(name, vendor) for name in kind.__annotations__)
        made: Callable[[Iterable[Any]], Row] = kind._make  # type: ignore[attr-defined]  # every kind is a NamedTuple
        return [made(row) for row in select(f"SELECT {columns} FROM {app}_{table} ORDER BY id")]

    return OurRows(
        clients=rows(Client, "client"),
        orders=rows(Order, "order"),
        payments=rows(Payment, "payment"),
        attempts=rows(Attempt, "attempt"),
        records=rows(Record, "idempotencyrecord"),
        entries=rows(Entry, "auditentry"),
        postings=rows(Posting, "ledgerposting"),
        tasks=rows(Task, "operatortask"),
        surpluses=rows(Surplus, "surpluscharge"),
        events=rows(Event, "event"),
        endpoints=rows(Endpoint, "webhookendpoint"),
        deliveries=rows(Delivery, "delivery"),
        gateway_events=rows(GatewayEvent, "gatewayevent"),
        messages=rows(Message, "customermessage"),
        refunds=rows(Refund, "refund", "refunds"),
        refund_attempts=rows(RefundAttempt, "refundattempt", "refunds"),
        disputes=rows(Dispute, "dispute", "disputes"),
        bulk_refunds=rows(BulkRefund, "bulkrefund", "refunds"),
    )


def _column(name: str, vendor: str) -> str:
    if name in _IN_DATA:
        return f"CAST(data ->> '{_IN_DATA[name]}' AS text)"
    quoted = f'"{name}"'
    return _EPOCH[vendor].format(quoted) if name == "at" or name.endswith("_at") else quoted
