"""Evidence made by hand: where it is kept, and what every change of a state leaves behind."""

import json
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.invariants import Evidence
from tests.invariants.ledger_tables import LEDGER
from tests.invariants.tables import DISPUTE_TOLD_AS, REFUND_TOLD_AS, TOLD_AS

_STATE: Final = {
    "pay": ("payments_payment", "status"),
    "att": ("payments_attempt", "state"),
    "sur": ("payments_surpluscharge", "state"),
    "rf": ("refunds_refund", "state"),
    "rfa": ("refunds_refundattempt", "state"),
    "dp": ("disputes_dispute", "status"),
}


class Books:
    """A shop's evidence in `folder`. Each event comes one second after the one before; the first was an hour ago."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.folder = folder
        self.database_url = database_url
        self.clock = time.time() - 3600

    @property
    def evidence(self) -> Evidence:
        ledgers = {name: self.ledger(name) for name in ("primary", "secondary")}
        inboxes = [self.inbox] if self.inbox.exists() else []
        return Evidence(self.database_url, ledgers, self.histories, inboxes)

    @property
    def inbox(self) -> Path:
        return self.folder / "inbox.log"

    @property
    def histories(self) -> Sequence[Path]:
        return sorted(self.folder.glob("*.jsonl"))

    def ledger(self, gateway: str) -> Path:
        return self.folder / f"{gateway}.sqlite3"

    def open_books(self) -> None:
        """Make the gateways' ledgers and the one client."""
        for gateway in ("primary", "secondary"):
            with closing(sqlite3.connect(self.ledger(gateway))) as file:
                file.executescript(LEDGER)
        values = {
            "id": 1,
            "slug": "demo",
            "name": "Demo",
            "support_email": "",
            "technical_email": "",
            "form_secret": "",
        }
        self._insert("payments_client", **values, return_origins="[]", is_active=True)

    def sql(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, with `?` for values, in our database."""
        if self.database_url.startswith("postgresql"):
            with psycopg.connect(self.database_url) as server:
                done = server.execute(statement.replace("?", "%s").encode(), values)
                return done.fetchall() if done.description else []
        return _on_file(Path(self.database_url.removeprefix("sqlite://")), statement, values)

    def at_gateway(self, gateway: str, statement: str, *values: Any) -> None:
        _on_file(self.ledger(gateway), statement, values)

    def move(self, entity: str, state: str, **data: Any) -> None:
        """Change the state of a payment, attempt or surplus charge, and tell the audit trail."""
        table, column = _STATE[entity.partition("_")[0]]
        [(before,)] = self.sql(f"SELECT {column} FROM {table} WHERE id = ?", entity)
        self.sql(f"UPDATE {table} SET {column} = ? WHERE id = ?", state, entity)
        self.tell(entity, entity, f"{entity[:3]}.{state}", before, state, **data)
        if entity.startswith(("rf_", "dp_")):
            [(payment,)] = self.sql(f"SELECT payment_id FROM {table} WHERE id = ?", entity)
            self.publish(payment, (REFUND_TOLD_AS if entity.startswith("rf_") else DISPUTE_TOLD_AS)[state])
        if entity.startswith("pay_"):
            self.publish(entity, TOLD_AS[state])
        elif entity.startswith("att_") and (before, state) == ("sent", "unknown"):
            [(payment,)] = self.sql("SELECT payment_id FROM payments_attempt WHERE id = ?", entity)
            self.publish(payment, "payment.outcome_unknown")
        elif entity.startswith("sur_"):
            [(payment,)] = self.sql("SELECT payment_id FROM payments_surpluscharge WHERE id = ?", entity)
            self.publish(payment, f"surplus.{state}")

    def publish(self, payment: str, type_: str) -> None:
        """Write the next event about `payment`, with its place."""
        self.sql("UPDATE payments_payment SET events_written = events_written + 1 WHERE id = ?", payment)
        [(sequence,)] = self.sql("SELECT events_written FROM payments_payment WHERE id = ?", payment)
        [(position,)] = self.sql("SELECT count(*) + 1 FROM payments_event")
        event = f"evt_{payment[4:]}_{sequence}"
        body = {"id": event, "type": type_, "sequence": sequence, "data": {"paymentID": payment}}
        row = {"id": event, "client_id": 1, "payment_id": payment, "sequence": sequence, "type": type_}
        self._insert("payments_event", body=json.dumps(body), happened_at=self._tick(), position=position, **row)

    def tell(self, payment: str, entity: str, action: str, before: str, after: str, **data: Any) -> None:
        """Write an audit entry."""
        actor = data.pop("actor", "worker:settle-1")
        who = {"actor": actor, "cause": "job:settle", "reason": "", "data": json.dumps(data)}
        told = {"action": action, "before": before, "after": after, "at": self._tick()}
        self._insert("payments_auditentry", payment_id=payment, entity_id=entity, **who, **told)

    def post(self, entity: str, debit: str, credit: str) -> None:
        """Write a posting of the amount of an attempt or surplus charge."""
        query = f"SELECT payment_id, gateway, currency, amount FROM {_STATE[entity.partition('_')[0]][0]} WHERE id = ?"
        names = ("payment_id", "gateway", "currency", "amount")
        [row] = self.sql(query, entity)
        moved = dict(zip(names, row, strict=True))
        self._insert("payments_ledgerposting", entity_id=entity, debit=debit, credit=credit, at=self._tick(), **moved)

    def _tick(self) -> str:
        self.clock += 1
        return datetime.fromtimestamp(self.clock, UTC).isoformat(" ", timespec="microseconds")

    def _insert(self, table: str, **values: Any) -> None:
        names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
        self.sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())


def _on_file(path: Path, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = OFF")
        return file.execute(statement, values).fetchall()
