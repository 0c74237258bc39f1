"""What the journeys happen in: a shop with its API key, a real gateway, and what a client or a worker does there.

Everything that touches the database runs in a child process (children.py); a client's history is written to a file
when it has its answer, and not before.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.test import Client as Browser
from standardwebhooks import Webhook

from payments.audit import Because
from payments.models import Payment, RecoveryRun
from payments.services.outbox import Outbox, sources
from payments.services.recover import recover
from payments.services.return_address import return_path
from payments.services.settle import Settler
from payments.services.watch import begin_watching
from refunds.services.watch import begin_watching as begin_watching_refunds
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

WORKER: Final = Because("worker:crash", "job:crash")
UNFINISHED: Final = ("pending", "processing", "requires_action", "retrying")

_DUE: Final = (
    "(SELECT min(due_at) FROM (SELECT due_at FROM payments_payment WHERE due_at IS NOT NULL"
    " UNION ALL SELECT due_at FROM payments_surpluscharge WHERE due_at IS NOT NULL"
    " UNION ALL SELECT due_at FROM payments_gatewayevent WHERE due_at IS NOT NULL"
    " UNION ALL SELECT due_at FROM refunds_refund WHERE due_at IS NOT NULL"
    " UNION ALL SELECT due_at FROM refunds_bulkrefund WHERE due_at IS NOT NULL"
    " UNION ALL SELECT due_at FROM disputes_dispute WHERE due_at IS NOT NULL) AS due)"
)
_NEXT_DUE: Final = {
    "postgresql": f"SELECT extract(epoch FROM {_DUE} - clock_timestamp())",
    "sqlite": f"SELECT (julianday({_DUE}) - julianday('now')) * 86400",
}


@dataclass
class World:
    """history: where clients write what they sent and got. virtual_seconds: how much time was let pass."""

    gateway: SandboxProcess
    api_key: str
    history: Path
    number: int = 0
    virtual_seconds: float = 0.0

    def new(self, prefix: str = "tok_success") -> dict[str, Any]:
        """Return a request for an order of its own, with a token of its own so that faults can be aimed at it."""
        self.number += 1
        token = f"tok_{self.number}" if prefix == "tok_success" else prefix
        return {
            "idempotencyKey": f"crash-{self.number}-key",
            "amount": 10 + self.number % 50,
            "currency": "USD",
            "paymentMethod": {"type": "card", "token": token},
            "metadata": {"orderID": f"crash-order-{self.number}"},
        }

    def pay(self, bodies: Iterable[dict[str, Any]]) -> Callable[[], None]:
        """Return a client that sends each request until it has a final answer."""

        def work() -> None:
            browser = Browser(headers={"authorization": f"Bearer {self.api_key}", "host": "127.0.0.1"})
            for body in bodies:
                response = browser.post("/api/payments/process", json.dumps(body), content_type="application/json")
                self._remember(body, response)
                if response.status_code != 202:
                    raise AssertionError(f"{response.status_code}: {response.content!r}")

        return work

    def tell(self, body: dict[str, Any]) -> Callable[[], None]:
        """Return a gateway that tells all that happened to the payment of `body`, each thing twice, newest first."""

        def work() -> None:
            payment = Payment.objects.get(idempotency_key=body["idempotencyKey"])
            browser = Browser(headers={"host": "127.0.0.1"})
            for event in [*self.gateway.events(reference=payment.pk)] * 2:
                text, now = json.dumps(event), datetime.now(UTC)
                signature = Webhook(settings.DEMO_WEBHOOK_SECRET).sign(event["id"], now, text)
                told = {"id": event["id"], "timestamp": str(int(now.timestamp())), "signature": signature}
                headers = {f"webhook-{name}": value for name, value in told.items()}
                response = browser.post("/webhooks/primary", text, content_type="application/json", headers=headers)
                if response.status_code != 200:
                    raise AssertionError(f"{response.status_code}: {response.content!r}")

        return work

    def _remember(self, body: dict[str, Any], response: Any) -> None:
        line = {
            "at": time.time(),
            "client": "shop",
            "key": body["idempotencyKey"],
            "request": body,
            "status": response.status_code,
            "body": json.loads(response.content),
            "replayed": response.headers.get("Idempotent-Replayed") == "true",
        }
        with self.history.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def let_pass(self, seconds: float) -> None:
        """Let virtual time pass."""
        advance(seconds)
        self.virtual_seconds += seconds

    def deliver_late(self, body: dict[str, Any]) -> None:
        """Let a request that was lost on its way reach the gateway after all, as it was sent."""
        payment = Payment.objects.get(idempotency_key=body["idempotencyKey"])
        attempt = payment.attempts.earliest("number")
        self.gateway.charge(
            attempt.gateway_key,
            amount=attempt.amount,
            currency=attempt.currency,
            token=attempt.token,
            reference=payment.pk,
            return_url=f"{settings.PUBLIC_URL}{return_path(payment)}",
        )


def settle() -> None:
    """Do what a settle loop does until nothing is due."""
    begin_watching()
    begin_watching_refunds()
    settler = Settler(WORKER, threads=8)
    try:
        settler.drain()
    finally:
        settler.finish()


def sweep() -> None:
    """Run recovery as its command does."""
    recover(RecoveryRun.Trigger.COMMAND, WORKER)


def send() -> None:
    """Send the events, messages and alerts that are due, as the loop of the outbox does."""
    outbox = Outbox(WORKER, sources(), threads=8)
    try:
        outbox.drain()
    finally:
        outbox.finish()


def next_due() -> float | None:
    """Return in how many seconds an unfinished payment, refund, dispute or event of a gateway falls due; None: none."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE[connection.vendor])
        (seconds,) = cursor.fetchone()
    return None if seconds is None else float(seconds)
