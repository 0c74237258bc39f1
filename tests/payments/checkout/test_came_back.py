"""Back from the bank's confirmation: the gateway is asked at once, and nothing the customer says is believed (F5)."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, Payment
from payments.services.nudge import customer_came_back
from tests.payments.checkout.conftest import Pay, heard_from_gateway
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db(transaction=True)


def due_in() -> float:
    due_at = Payment.objects.get().due_at
    assert due_at is not None
    return (due_at - timezone.now()).total_seconds()


def test_the_payment_is_due_at_once_and_the_status_page_follows(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    payment = heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    assert due_in() > 20

    reply = browser.get(f"/checkout/return/{payment.pk}")

    assert (reply.status_code, reply.headers["Location"]) == (303, f"/checkout/{session.token}/status?returned=1")
    assert due_in() <= 0
    assert Payment.objects.get().status == "requires_action"


def test_without_a_checkout_session_the_window_can_be_closed(shop: Client, browser: Browser) -> None:
    payment = after(sent(shop), Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    reply = browser.get(f"/checkout/return/{payment.pk}")
    assert reply.status_code == 200
    assert "You can close this window now." in reply.content.decode()
    assert due_in() <= 0


def test_an_unknown_payment_is_a_friendly_404(db: None, browser: Browser) -> None:
    reply = browser.get("/checkout/return/pay_" + "0" * 26)
    assert reply.status_code == 404
    assert "We do not know this checkout page" in reply.content.decode()


def test_only_a_payment_that_waits_for_the_customer_is_looked_at_sooner(session: CheckoutSession, pay: Pay) -> None:
    pay()
    payment = heard_from_gateway(Kind.UNKNOWN)
    before = payment.due_at
    assert customer_came_back(payment.pk) is False
    assert Payment.objects.get().due_at == before


def test_a_payment_that_is_due_already_stays_due_since_then(session: CheckoutSession, pay: Pay) -> None:
    pay()
    payment = heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    long_due = timezone.now() - timedelta(seconds=90)
    Payment.objects.update(due_at=long_due)
    assert customer_came_back(payment.pk) is False
    assert Payment.objects.get().due_at == long_due
