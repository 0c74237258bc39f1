"""Back from the bank's confirmation: the gateway is asked at once, and nothing the customer says is believed (F5)."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import resolve
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, Payment
from payments.services.nudge import customer_came_back
from payments.services.return_address import return_path
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

    reply = browser.get(return_path(payment))

    assert (reply.status_code, reply.headers["Location"]) == (303, f"/checkout/{session.token}/status?returned=1")
    assert due_in() <= 0
    assert Payment.objects.get().status == "requires_action"


def test_without_a_checkout_session_the_window_can_be_closed(shop: Client, browser: Browser) -> None:
    payment = after(sent(shop), Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    reply = browser.get(return_path(payment))
    assert reply.status_code == 200
    assert "You can close this window now." in reply.content.decode()
    assert due_in() <= 0


def test_who_knows_the_id_alone_learns_nothing_and_the_gateway_is_asked_all_the_same(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    payment = heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    proof = return_path(payment).rpartition("/")[2]
    for ending in ("", "/" + "A" * 22, f"/{proof[:-1]}", f"/{proof}A", "/" + proof.swapcase()):
        Payment.objects.update(due_at=timezone.now() + timedelta(seconds=30))
        known = browser.get(f"/checkout/return/{payment.pk}{ending}")
        assert due_in() <= 0
        unknown = browser.get(f"/checkout/return/pay_{'0' * 26}{ending}")
        assert (known.status_code, unknown.status_code) == (200, 200)
        assert known.content == unknown.content
        assert known.headers.items() == unknown.headers.items()
        assert session.token not in known.content.decode()
        assert "If you confirmed a payment, we ask your bank for its answer." in known.content.decode()


def test_the_page_without_a_proof_is_the_same_at_every_state(shop: Client, browser: Browser) -> None:
    payment = after(sent(shop), Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    waiting = browser.get(f"/checkout/return/{payment.pk}").content
    Payment.objects.update(status="expired")
    assert browser.get(f"/checkout/return/{payment.pk}").content == waiting
    assert browser.get(return_path(payment)).content != waiting


def test_the_proof_of_one_payment_opens_no_other(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    declined = heard_from_gateway(Kind.DECLINED, decline_code="insufficient_funds")
    pay(submission=2)
    other = heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    proof = return_path(declined).rpartition("/")[2]
    assert browser.get(f"/checkout/return/{other.pk}/{proof}").status_code == 200
    assert browser.get(return_path(other)).status_code == 303


def test_the_address_is_the_same_at_every_send() -> None:
    payment = Payment(id="pay_" + "0" * 26, request_hash="a" * 64)
    assert return_path(payment) == "/checkout/return/pay_00000000000000000000000000/3wsj2R3wk-Wu6qNOB0_paN"
    assert resolve(return_path(payment)).view_name == "checkout:return"


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
