"""Refunds and disputes of charges, made by hand."""

from typing import Any, Final

from tests.invariants.made_up_books import Books

# What the invariants do not speak of, and the states of birth.
_NEW_REFUND: Final[dict[str, Any]] = {
    "state": "requested",
    "requested_by": "client:demo",
    "needs_approval": False,
    "fence": 0,
}


class Refunds(Books):
    """What happens to a charge after its capture, in our database and at its gateway."""

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
