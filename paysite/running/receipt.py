"""Takes one payment through the public API, as a shop would, and tells how it ended: the proof that a run works."""

import http.client
import json
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

AMOUNT, CURRENCY = 25, "USD"
WAIT_SECONDS = 20


class NoReceiptError(Exception):
    """The payment did not succeed; the message says what the API answered."""


@dataclass(frozen=True)
class Receipt:
    payment_id: str
    amount: str
    status: str
    charge_id: str

    def __str__(self) -> str:
        return f"Payment {self.payment_id}: {self.amount}, {self.status}, charge {self.charge_id} at the gateway"


def take_payment(host: str, port: int, api_key: str) -> Receipt:
    """Charge a sandbox card and return the receipt; raise `NoReceiptError` unless the payment succeeds in time."""
    order = f"welcome-{uuid.uuid4().hex[:12]}"
    request = {
        "idempotencyKey": str(uuid.uuid4()),
        "amount": AMOUNT,
        "currency": CURRENCY,
        "paymentMethod": {"type": "card", "token": "tok_success"},
        "metadata": {"orderID": order, "customerID": "welcome"},
    }
    payment = _call(host, port, api_key, "POST", "/api/payments/process", request)
    payment = _call(host, port, api_key, "GET", f"/api/payments/{payment['paymentID']}")
    if payment["status"] != "success":
        raise NoReceiptError(f"Payment {payment['paymentID']} is {payment['status']}: {payment['lastError']}")
    return Receipt(
        payment_id=payment["paymentID"],
        amount=f"{payment['amount']} {payment['currency']}",
        status=payment["status"],
        charge_id=payment["attempts"][-1]["gatewayReference"],
    )


def _call(host: str, port: int, api_key: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {api_key}", "Prefer": f"wait={WAIT_SECONDS}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(host, port, timeout=WAIT_SECONDS + 10)
    try:
        connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        if answer.status >= 300:
            raise NoReceiptError(f"{method} {path} answered {answer.status}: {text[:500]}")
        document = json.loads(text, parse_float=Decimal)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NoReceiptError(f"{method} {path} failed: {error}") from error
    finally:
        connection.close()
    if not isinstance(document, dict):
        raise NoReceiptError(f"{method} {path} answered with something else than an object: {text[:500]}")
    return document
