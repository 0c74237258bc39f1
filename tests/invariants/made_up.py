"""Makes evidence by hand: rows, ledgers and histories as a sound application and a sound gateway would leave them.

Everything is named after its story: `accept("paid")` makes `pay_paid` of `ord_paid` under the key `key-paid`; its first
attempt is `att_paid_1` under `pay_paid-a1`, and the charge of that `ch_paid_1`.
"""

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
from tests.invariants.tables import DISPUTE_TOLD_AS, REFUND_TOLD_AS, TOLD_AS

LEDGER: Final = """
CREATE TABLE charges (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, decline_code TEXT, action_url TEXT,
    brand TEXT NOT NULL, last4 TEXT NOT NULL, return_url TEXT NOT NULL, metadata TEXT NOT NULL,
    created_ms INTEGER NOT NULL, fingerprint TEXT NOT NULL DEFAULT '', network_advice TEXT
) STRICT;
CREATE TABLE requests (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL, token TEXT NOT NULL,
    digest TEXT NOT NULL
) STRICT;
CREATE TABLE refunds (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, key TEXT, charge_id TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, failure_code TEXT, reason TEXT NOT NULL,
    metadata TEXT NOT NULL, created_ms INTEGER NOT NULL, succeeds_ms INTEGER
) STRICT;
CREATE TABLE refund_requests (
    seq INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, key TEXT NOT NULL, reference TEXT NOT NULL,
    charge_id TEXT NOT NULL, digest TEXT NOT NULL
) STRICT;
CREATE TABLE disputes (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, charge_id TEXT NOT NULL, reference TEXT NOT NULL,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL,
    due_by INTEGER NOT NULL, created_ms INTEGER NOT NULL
) STRICT;
"""
_STATE: Final = {
    "pay": ("payments_payment", "status"),
    "att": ("payments_attempt", "state"),
    "sur": ("payments_surpluscharge", "state"),
    "rf": ("refunds_refund", "state"),
    "rfa": ("refunds_refundattempt", "state"),
    "dp": ("disputes_dispute", "status"),
}
# What the invariants do not speak of, and the states of birth.
_NEW_PAYMENT: Final[dict[str, Any]] = (
    dict.fromkeys(("review_reason", "gateway", "action_url", "error_code"), "")
    | {"status": "pending", "method_type": "card", "method_token": "tok_success", "metadata": "{}"}
    | {"outcome_unknown": False, "fence": 0, "retry_count": 0, "max_retries": 3}
)
_NEW_ATTEMPT: Final[dict[str, Any]] = (
    dict.fromkeys(("gateway_reference", "reason", "decline_code", "message", "card_brand", "card_fingerprint"), "")
    | {"level": 1, "three_d_secure": False, "never_again": False}
    | {"state": "sent", "kind": "charge", "currency": "USD", "token": "tok_success"}
    | {"sends": 1, "looks": 0}
)
_NEW_REFUND: Final[dict[str, Any]] = {
    "state": "requested",
    "requested_by": "client:demo",
    "needs_approval": False,
    "fence": 0,
}


class MadeUp:
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

    def accept(self, name: str, *, order: str = "", amount: int = 1000) -> str:
        """Accept a request to pay; return the payment's id."""
        payment, at, order_id = f"pay_{name}", self._tick(), f"ord_{order or name}"
        money = {"amount": amount, "currency": "USD"}
        if not order:
            words = {"customer_reference": "", "customer_email": "", "customer_name": "", "lines": "[]"}
            self._insert("payments_order", id=order_id, client_id=1, reference=name, created_at=at, **money, **words)
        asked = {"client_id": 1, "request_hash": f"hash-{name}"}
        times = dict.fromkeys(("expires_at", "created_at", "updated_at"), at)
        self._insert(
            "payments_payment",
            id=payment,
            order_id=order_id,
            idempotency_key=f"key-{name}",
            **asked,
            **money,
            **times,
            **_NEW_PAYMENT,
        )
        self.record(f"key-{name}", payment, at, **asked)
        self.tell(payment, payment, "payment.accepted", "", "pending")
        return payment

    def record(self, key: str, payment: str, at: str = "", **asked: Any) -> None:
        """Remember that `key` names `payment`."""
        at = at or self._tick()
        answer = {"operation": "process", "status_code": 202, "created_at": at, "expires_at": at}
        self._insert("payments_idempotencyrecord", key=key, payment_id=payment, **answer, **asked)

    def start(self, payment: str, gateway: str = "primary") -> str:
        """Send an attempt of `payment`; return its id."""
        [(number,)] = self.sql("SELECT count(*) + 1 FROM payments_attempt WHERE payment_id = ?", payment)
        [(amount,)] = self.sql("SELECT amount FROM payments_payment WHERE id = ?", payment)
        attempt, key, at = f"att_{payment[4:]}_{number}", f"{payment}-a{number}", self._tick()
        where = {"payment_id": payment, "number": number, "gateway": gateway, "gateway_key": key, "amount": amount}
        self._insert("payments_attempt", id=attempt, sent_at=at, last_sent_at=at, **where, **_NEW_ATTEMPT)
        self.move(payment, "processing", key=key)
        self.request(gateway, key, payment)
        return attempt

    def request(self, gateway: str, key: str, payment: str, digest: str = "digest") -> None:
        """Have a request arrive at a gateway."""
        statement = "INSERT INTO requests VALUES (NULL, ?, ?, ?, 'tok_success', ?)"
        self._tick()
        self.at_gateway(gateway, statement, int(self.clock * 1000), key, payment, digest)

    def charge(self, attempt: str, status: str = "succeeded", *, amount: int = 1000, suffix: str = "") -> str:
        """Have the attempt's gateway make a charge; return the gateway's id of it."""
        query = "SELECT gateway, gateway_key, payment_id FROM payments_attempt WHERE id = ?"
        [(gateway, key, payment)] = self.sql(query, attempt)
        charge = f"ch_{attempt[4:]}{suffix}"
        self._tick()
        statement = "INSERT INTO charges VALUES (NULL,?,?,?,?,'USD',?,NULL,NULL,'visa','4242','','{}',?,'',NULL)"
        self.at_gateway(gateway, statement, charge, key, payment, amount, status, int(self.clock * 1000))
        return charge

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

    def succeed(self, attempt: str, charge: str, payment: str) -> None:
        """Take a charge as the payment's."""
        self.sql("UPDATE payments_attempt SET gateway_reference = ? WHERE id = ?", charge, attempt)
        self.move(attempt, "succeeded")
        self.move(payment, "success")
        self.post(attempt, "gateway_balance", "sales")

    def surplus(self, attempt: str, charge: str, reason: str) -> str:
        """Note a charge that no payment may keep; return its id."""
        surplus = f"sur_{charge[3:]}"
        query = "SELECT payment_id, gateway, amount, currency FROM payments_attempt WHERE id = ?"
        [row] = self.sql(query, attempt)
        moved = dict(zip(("payment_id", "gateway", "amount", "currency"), row, strict=True))
        rest = {"gateway_reference": charge, "reason": reason, "state": "owed", "message": "", "tries": 0, "fence": 0}
        rest["taken"] = True
        self._insert("payments_surpluscharge", id=surplus, attempt_id=attempt, found_at=self._tick(), **rest, **moved)
        self.tell(moved["payment_id"], surplus, "surplus.found", "", "owed")
        self.publish(moved["payment_id"], "surplus.found")
        self.post(surplus, "gateway_balance", "customer_owed")
        return surplus

    def give_back(self, surplus: str, gateway: str = "primary") -> None:
        """Return a surplus charge, at the gateway and in our books."""
        self.at_gateway(gateway, "UPDATE charges SET status = 'canceled' WHERE id = ?", f"ch_{surplus[4:]}")
        self.move(surplus, "returned")
        self.post(surplus, "customer_owed", "gateway_balance")

    def ask(self, payment: str, kind: str) -> None:
        """Open a task for an operator."""
        words = {"detail": f"unknown: {kind}.", "closed_by": "", "resolution": "", "opened_at": self._tick()}
        self._insert("payments_operatortask", payment_id=payment, kind=kind, **words)

    def refund(self, attempt: str, amount: int, suffix: str = "", **changes: Any) -> str:
        """Ask for a refund of an attempt's charge; return its id, `rf_` and the story."""
        query = "SELECT payment_id, gateway, currency FROM payments_attempt WHERE id = ?"
        [(payment, gateway, currency)] = self.sql(query, attempt)
        refund, at = f"rf_{payment[4:]}{suffix}", self._tick()
        where = {"client_id": 1, "payment_id": payment, "charge_id": attempt, "gateway": gateway}
        what = {"amount": amount, "currency": currency, "reason": "customer_request", "origin": "api", "note": ""}
        key = {"idempotency_key": f"key-{refund}", "request_hash": "hash", "parameters_hash": f"hash-{refund}"}
        rest = dict.fromkeys(("error_code", "message", "gateway_reference", "approved_by", "decision"), "")
        row = {**where, **what, **key, **rest, **_NEW_REFUND, "created_at": at, "updated_at": at, **changes}
        self._insert("refunds_refund", id=refund, **row)
        self.tell(payment, refund, "refund.requested", "", row["state"])
        self.publish(payment, "refund.created")
        return refund

    def send_refund(self, refund: str) -> str:
        """Send an attempt of a refund; return its id, `rfa_`, the story and its number."""
        [(number,)] = self.sql("SELECT count(*) + 1 FROM refunds_refundattempt WHERE refund_id = ?", refund)
        query = "SELECT gateway, payment_id, state FROM refunds_refund WHERE id = ?"
        [(gateway, payment, state)] = self.sql(query, refund)
        attempt, at = f"rfa_{refund[3:]}_{number}", self._tick()
        rest = dict.fromkeys(("gateway_reference", "reason", "decline_code", "message"), "")
        counts = {"number": number, "sends": 1, "looks": 0, "sent_at": at, "last_sent_at": at}
        self._insert("refunds_refundattempt", id=attempt, refund_id=refund, state="sent", **counts, **rest)
        if state == "processing":
            self.tell(payment, refund, "refund.sent_again", state, state, attempt=number)
        else:
            self.move(refund, "processing", attempt=number)
        self.refund_request(gateway, refund, payment)
        return attempt

    def refund_request(self, gateway: str, key: str, payment: str, digest: str = "digest") -> None:
        """Have a request to refund arrive at a gateway."""
        self._tick()
        statement = "INSERT INTO refund_requests VALUES (NULL, ?, ?, ?, 'ch', ?)"
        self.at_gateway(gateway, statement, int(self.clock * 1000), key, payment, digest)

    def give(self, refund: str, status: str = "succeeded", *, suffix: str = "", amount: int = 0) -> str:
        """Have the gateway refund under the key of `refund`; return the gateway's id of it."""
        query = (
            "SELECT r.gateway, a.gateway_reference, r.payment_id, r.amount FROM refunds_refund r"
            " JOIN payments_attempt a ON a.id = r.charge_id WHERE r.id = ?"
        )
        [(gateway, charge, payment, whole)] = self.sql(query, refund)
        returned = f"re_{refund[3:]}{suffix}"
        self._tick()
        statement = "INSERT INTO refunds VALUES (NULL,?,?,?,?,?,'USD',?,NULL,'','{}',?,NULL)"
        key = None if suffix == "dashboard" else refund
        values = (returned, key, charge, payment, amount or whole, status, int(self.clock * 1000))
        self.at_gateway(gateway, statement, *values)
        return returned

    def refunded(self, refund: str, attempt: str, returned: str) -> None:
        """Book that a refund succeeded."""
        self.sql("UPDATE refunds_refund SET gateway_reference = ? WHERE id = ?", returned, refund)
        self.move(attempt, "succeeded")
        self.move(refund, "succeeded")
        self.post(refund, "refunds", "gateway_balance")

    def dispute(self, attempt: str, amount: int, status: str = "open") -> str:
        """Have a customer dispute an attempt's charge at its gateway, which we know as open; return its id."""
        query = "SELECT payment_id, gateway, currency, gateway_reference FROM payments_attempt WHERE id = ?"
        [(payment, gateway, currency, charge)] = self.sql(query, attempt)
        dispute, at = f"dp_{payment[4:]}", self._tick()
        statement = "INSERT INTO disputes VALUES (NULL, ?, ?, ?, ?, ?, ?, 'fraudulent', 0, ?)"
        values = (f"du_{payment[4:]}", charge, payment, amount, currency, status, int(self.clock * 1000))
        self.at_gateway(gateway, statement, *values)
        where = {"payment_id": payment, "charge_id": attempt, "gateway": gateway, "currency": currency}
        state = {"status": "needs_response", "amount": amount, "refunded_before": 0, "fence": 0, "looks": 0}
        words = {"gateway_reference": f"du_{payment[4:]}", "reason": "fraudulent", "trouble": ""}
        self._insert("disputes_dispute", id=dispute, opened_at=at, **where, **state, **words)
        self.tell(payment, dispute, "dispute.opened", "", "needs_response")
        self.publish(payment, "dispute.created")
        return dispute

    def endpoint(self, secret: str) -> None:
        """Give the shop an endpoint."""
        told = {"url": "https://shop.example/", "description": "", "types": "[]", "secret": secret, "old_secret": ""}
        state = {"is_enabled": True, "disabled_why": "", "created_at": self._tick()}
        self._insert("payments_webhookendpoint", id="we_1", client_id=1, **told, **state)

    def delivery(self, event: str) -> None:
        """Have `event` delivered to the endpoint, as the application believes."""
        at = self._tick()
        where = {"event_id": event, "endpoint_id": "we_1", "payment_id": "", "sequence": 0, "note": ""}
        counts = {"tries": 1, "fence": 1, "state": "delivered", "created_at": at, "delivered_at": at}
        self._insert("payments_delivery", **where, **counts)

    def gateway_event(self, event: str, state: str) -> None:
        """Have an event of a gateway stored, and dealt with so far."""
        at = self._tick()
        said = dict.fromkeys(("type", "reference", "gateway_key", "payment_id", "note"), "") | {"body": b"{}"}
        counts = {"tries": 0, "fence": 0, "times_received": 1, "received_at": at, "last_received_at": at}
        self._insert("payments_gatewayevent", gateway="primary", event_id=event, state=state, **said, **counts)

    def message(self, payment: str, kind: str, occurrence: str = "") -> None:
        """Send a customer an e-mail."""
        at = self._tick()
        about = {"payment_id": payment, "kind": kind, "channel": "email", "address": "a@b.example"}
        about["occurrence"] = occurrence
        self._insert("payments_customermessage", tries=1, trouble="", written_at=at, sent_at=at, **about)

    def answer(self, key: str, status: int | None, body: Any, *, request: Any = None, replayed: bool = False) -> None:
        """Have a client write down an answer that took 10 milliseconds."""
        self._tick()
        asked = {"amount": 10.0, "currency": "USD"} if request is None else request
        line = {"at": self.clock, "client": "demo", "key": key, "request": asked | {"idempotencyKey": key}}
        line |= {"status": status, "body": body, "replayed": replayed, "took": 0.01}
        with (self.folder / "clients.jsonl").open("a") as history:
            history.write(json.dumps(line) + "\n")

    def _tick(self) -> str:
        self.clock += 1
        return datetime.fromtimestamp(self.clock, UTC).isoformat(" ", timespec="microseconds")

    def _insert(self, table: str, **values: Any) -> None:
        names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
        self.sql(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())


def accepted(name: str, amount: int = 1000) -> dict[str, Any]:
    """Return the document that tells a client that the payment of a story is accepted."""
    return {"paymentID": f"pay_{name}", "amountMinor": amount, "currency": "USD", "status": "pending"}


def problem(status: int) -> dict[str, Any]:
    """Return a problem document."""
    names = {"type": "urn:x", "title": "No.", "code": "no", "retryable": False, "timestamp": "2026-01-01T00:00:00Z"}
    return {**names, "status": status}


def _on_file(path: Path, statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as file:
        file.execute("PRAGMA synchronous = OFF")
        return file.execute(statement, values).fetchall()
