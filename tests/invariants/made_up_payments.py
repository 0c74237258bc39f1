"""Payments, their charges, and charges that no payment may keep, made by hand."""

from typing import Any, Final

from tests.invariants.made_up_books import Books

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


class Payments(Books):
    """What happens to payments, in our database and at their gateways."""

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
