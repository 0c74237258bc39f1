"""What shops, clients and customers are told, and what a gateway tells, made by hand."""

import json
from typing import Any

from tests.invariants.made_up_books import Books


class Told(Books):
    """Deliveries, events of gateways, messages, and answers that a client wrote down."""

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


def accepted(name: str, amount: int = 1000) -> dict[str, Any]:
    """Return the document that tells a client that the payment of a story is accepted."""
    return {"paymentID": f"pay_{name}", "amountMinor": amount, "currency": "USD", "status": "pending"}


def problem(status: int) -> dict[str, Any]:
    """Return a problem document."""
    names = {"type": "urn:x", "title": "No.", "code": "no", "retryable": False, "timestamp": "2026-01-01T00:00:00Z"}
    return {**names, "status": status}
