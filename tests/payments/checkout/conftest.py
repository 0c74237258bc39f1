"""Signed order forms, and checkout sessions whose payments are in any state they can really get into."""

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.checkout.signing import sign
from payments.gateways.base import Kind
from payments.models import Attempt, CheckoutSession, Client, Order, Payment
from payments.services.claim import claim
from tests.payments.conftest import BECAUSE, after

LINES = '[{"name": "Mug", "quantity": 2, "amount": "20.00"}, {"name": "Discount", "quantity": 1, "amount": "-7.50"}]'


def unsigned(**changes: str | None) -> dict[str, str]:
    """Return a right form of 12.50 USD without its signature; `changes` replaces fields, None leaves one out."""
    fields: dict[str, str | None] = {
        "client": "shop",
        "orderID": "order-1",
        "amount": "12.50",
        "currency": "USD",
        "returnURL": "https://shop.test/thanks?lang=en#top",
        "timestamp": str(int(time.time())),
        **changes,
    }
    return {name: value for name, value in fields.items() if value is not None}


def signed(signer: str = "form-secret", /, **changes: str | None) -> dict[str, str]:
    """Return a form as the shop would sign it."""
    fields = unsigned(**changes)
    return {**fields, "signature": sign(fields, signer)}


def nothing_was_written() -> bool:
    return not (Order.objects.exists() or CheckoutSession.objects.exists() or Payment.objects.exists())


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def session(shop: Client, browser: Browser) -> CheckoutSession:
    """A checkout session of 12.50 USD for order-1, as the shop's form makes it."""
    reply = browser.post("/checkout/start", signed(lines=LINES, customerName="Anna", customerEmail="anna@shop.test"))
    assert reply.status_code == 303
    return CheckoutSession.objects.get()


Pay = Callable[..., str]


@pytest.fixture
def pay(browser: Browser, session: CheckoutSession) -> Pay:
    """Press Pay; returns where the answer leads."""

    def press(submission: int = 1, card: str = "tok_success") -> str:
        reply = browser.post(f"/checkout/{session.token}/pay", {"submission": submission, "token": card})
        assert reply.status_code == 303
        return str(reply.headers["Location"])

    return press


def heard_from_gateway(kind: Kind, **more: object) -> Payment:
    """Let the gateway answer for the one payment that is due."""
    claim(limit=10, because=BECAUSE)
    attempt = Attempt.objects.order_by("-sent_at", "-id")[0]
    return after(attempt, kind, **more)  # type: ignore[arg-type]


def made_due() -> None:
    """Let every payment that is tried again be due now."""
    Payment.objects.filter(status="retrying").update(due_at=timezone.now() - timedelta(seconds=1))


def declined_to_the_end(code: str, **more: object) -> Payment:
    """Let the gateway decline the one payment with `code` as often as it is tried."""
    for _ in range(10):
        payment = heard_from_gateway(Kind.DECLINED, decline_code=code, **more)
        if payment.status == "failed":
            return payment
        made_due()
    raise AssertionError("It is tried for ever.")
