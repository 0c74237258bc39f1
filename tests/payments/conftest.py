"""A shop, its key, and payments in any state they can really get into."""

from collections.abc import Callable

import pytest

from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind, Outcome
from payments.idempotency import request_hash
from payments.models import SCOPES, ApiKey, Attempt, Client, Payment
from payments.services.accept import PayRequest, accept
from payments.services.apply import Heard, apply
from payments.services.claim import claim

BECAUSE = Because(actor="worker:test", cause="job:test")

MakeRequest = Callable[..., PayRequest]


@pytest.fixture
def shop(db: None) -> Client:
    return Client.objects.create(
        slug="shop", name="Shop", form_secret="form-secret", return_origins=["https://shop.test"]
    )


@pytest.fixture
def api_key(shop: Client) -> str:
    return ApiKey.issue(client=shop, scopes=list(SCOPES), mode="test", label="tests")[1]


def pay_request(shop: Client, key: str = "order-1-pay", **changes: str | int) -> PayRequest:
    """Return a request to pay 12.50 USD for order-1; `changes` replaces amount, currency, token or order."""
    amount, currency = int(changes.get("amount", 1250)), str(changes.get("currency", "USD"))
    token, order = str(changes.get("token", "tok_success")), str(changes.get("order", "order-1"))
    canonical = {"amount": amount, "currency": currency, "token": token, "order": order}
    return PayRequest(
        client_id=shop.pk,
        key=key,
        request_hash=request_hash(canonical),
        amount=amount,
        currency=currency,
        method_type="card",
        method_token=token,
        metadata={"orderID": order},
        order_reference=order,
    )


def accepted(shop: Client, key: str = "order-1-pay", **changes: str | int) -> Payment:
    """Return a payment that was just accepted, as its row is."""
    return reload(accept(pay_request(shop, key, **changes), BECAUSE).payment)


def sent(shop: Client, key: str = "order-1-pay", **changes: str | int) -> Attempt:
    """Return the attempt of a payment that was just claimed: committed as sent, not yet called."""
    payment = accepted(shop, key, **changes)
    claim(limit=100, because=BECAUSE)
    return Attempt.objects.get(payment=payment)


def heard(attempt: Attempt, kind: Kind, reason: str = "test", *, looked: bool = False, **more: object) -> Heard:
    """Return what the worker that holds the payment now hears, in answer to a question asked this moment."""
    fence = Payment.objects.get(pk=attempt.payment_id).fence
    outcome = Outcome(kind, reason, **more)  # type: ignore[arg-type]
    return Heard(attempt.pk, attempt.payment_id, outcome, BECAUSE, looked, not looked, fence, database_now())


def after(attempt: Attempt, kind: Kind, reason: str = "test", **more: object) -> Payment:
    """Let `kind` be heard of the attempt and return its payment."""
    apply([heard(attempt, kind, reason, **more)])  # type: ignore[arg-type]
    return Payment.objects.get(pk=attempt.payment_id)


def reload(payment: Payment) -> Payment:
    return Payment.objects.get(pk=payment.pk)
