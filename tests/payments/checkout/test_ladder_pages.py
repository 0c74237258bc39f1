"""What the customer reads on each level of the ladder: true, kind, and with a way on (requirements B7, F6)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import CheckoutSession, CustomerMessage, Payment
from tests.payments.checkout.conftest import Pay, declined_to_the_end, heard_from_gateway

pytestmark = pytest.mark.django_db(transaction=True)


def text_of(browser: Browser, session: CheckoutSession, path: str = "/status") -> str:
    reply = browser.get(f"/checkout/{session.token}{path}")
    assert reply.status_code == 200
    return re.sub(r"\s+", " ", reply.content.decode())


def tag_of(browser: Browser, session: CheckoutSession) -> tuple[str, bool]:
    answer = browser.get(f"/checkout/{session.token}/status.json").json()
    return answer["tag"], answer["final"]


@pytest.fixture
def retried(pay: Pay) -> Payment:
    """A payment that provably was not charged and is tried again."""
    pay()
    payment = heard_from_gateway(Kind.NOT_SENT, reason="refused")
    assert payment.status == "retrying"
    return payment


@pytest.fixture
def queued(retried: Payment) -> Payment:
    """A payment of level 4: its order is accepted."""
    now = timezone.now()
    Payment.objects.update(level=4, queued_at=now, due_at=now + timedelta(seconds=30))
    return Payment.objects.get()


def failed_at(level: int, code: str) -> Payment:
    """End the one payment with `code` on `level`, as its transition does."""
    payment = Payment.objects.get()
    if payment.status == "pending":
        payment = heard_from_gateway(Kind.NOT_SENT, reason="refused")
    payment.level = level
    payment.fail(code=code, now=timezone.now())
    payment.save()
    return payment


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.5, "in a moment"), (4, "in about 5 seconds"), (11, "in about 10 seconds"), (31, "in about 30 seconds")],
)
@pytest.mark.usefixtures("retried")
def test_a_payment_that_is_tried_again_says_when_and_that_nothing_was_charged(
    session: CheckoutSession, browser: Browser, seconds: float, words: str
) -> None:
    Payment.objects.update(due_at=timezone.now() + timedelta(seconds=seconds))
    page = text_of(browser, session)
    assert "We are trying again…" in page
    assert "We are trying again for you; you have not been charged." in page
    assert f"The next try is {words}." in page
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page
    assert tag_of(browser, session)[1] is False


@pytest.mark.usefixtures("retried")
def test_a_payment_that_is_tried_again_for_long_may_be_left_alone(session: CheckoutSession, browser: Browser) -> None:
    assert "You may close this page" not in text_of(browser, session)
    Payment.objects.update(created_at=timezone.now() - timedelta(seconds=10))
    assert "You may close this page" in text_of(browser, session)


@pytest.mark.usefixtures("queued")
def test_an_accepted_order_is_told_what_happens_and_never_that_it_is_paid(
    session: CheckoutSession, browser: Browser
) -> None:
    page = text_of(browser, session)
    assert "<h1>Your order is accepted</h1>" in page
    assert (
        "Your order is accepted. We will take the payment as soon as our payment provider is back; you need not do "
        "anything, and you will not be charged twice."
    ) in page
    assert "paid" not in page.lower().replace("/static/", "")
    assert ">Back to Shop</a>" in page
    assert 'data-seldom="true"' in page
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page


def test_an_e_mail_is_promised_only_where_one_is_written(
    session: CheckoutSession, browser: Browser, queued: Payment
) -> None:
    promise = "We confirm this by e-mail, and write again should we need you."
    assert promise not in text_of(browser, session)
    CustomerMessage.objects.create(payment=queued, kind=CustomerMessage.Kind.DELAYED, address="anna@shop.test")
    assert promise in text_of(browser, session)
    CustomerMessage.objects.update(due_at=None)
    assert promise not in text_of(browser, session)
    CustomerMessage.objects.update(sent_at=timezone.now())
    assert promise in text_of(browser, session)
    CustomerMessage.objects.update(channel="sms")
    assert "We confirm this by SMS, and write again" in text_of(browser, session)
    CustomerMessage.objects.create(payment=queued, kind=CustomerMessage.Kind.DELAYED, address="anna@shop.test")
    assert "We confirm this by e-mail and SMS, and write again" in text_of(browser, session)


@pytest.mark.usefixtures("queued")
def test_an_accepted_order_whose_outcome_is_unknown_says_that_the_bank_is_asked(
    session: CheckoutSession, browser: Browser
) -> None:
    Payment.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    heard_from_gateway(Kind.UNKNOWN, reason="read_timeout")
    assert "We are checking with the bank" in text_of(browser, session)


@pytest.mark.usefixtures("queued")
def test_an_accepted_order_that_is_paid_reads_as_every_paid_one(session: CheckoutSession, browser: Browser) -> None:
    before = tag_of(browser, session)
    Payment.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    heard_from_gateway(Kind.SUCCEEDED)
    page = text_of(browser, session)
    assert "Paid. Thank you!" in page
    assert "accepted" not in page
    assert (before[1], tag_of(browser, session)[1]) == (False, True)
    assert before[0] != tag_of(browser, session)[0]


@pytest.mark.usefixtures("queued")
def test_an_accepted_order_whose_payment_fails_says_so_and_lets_pay_again(
    session: CheckoutSession, browser: Browser
) -> None:
    failed_at(5, "expired_card")
    Payment.objects.update(queued_at=timezone.now())
    page = text_of(browser, session)
    assert "We had accepted your order, but could not take the payment for it. Your card has expired." in page
    assert "You were not charged." in page
    assert f'<a class="button primary" href="/checkout/{session.token}">Try another card</a>' in page


@pytest.mark.usefixtures("queued")
def test_an_accepted_order_that_people_see_to_says_so(session: CheckoutSession, browser: Browser) -> None:
    payment = Payment.objects.get()
    payment.review(reason="queued_too_long", due_at=None)
    payment.save()
    page = text_of(browser, session)
    assert "Your order is accepted. Our team sees to the payment" in page
    assert "what became of your payment" not in page


@pytest.mark.parametrize(
    ("suggested", "here", "at_shop"),
    [
        (["Another card", "PayPal", "Bank transfer"], "Another card", ["PayPal", "Bank transfer"]),
        (["another CARD"], "another CARD", []),
        (["Invoice"], "", ["Invoice"]),
    ],
)
def test_after_the_last_decline_other_ways_are_suggested(
    session: CheckoutSession,
    browser: Browser,
    pay: Pay,
    settings: Any,
    suggested: list[str],
    here: str,
    at_shop: list[str],
) -> None:
    settings.ALTERNATIVES = suggested
    pay()
    payment = declined_to_the_end("expired_card")
    Payment.objects.update(level=5)
    page = text_of(browser, session)
    back = f"https://shop.test/thanks?lang=en&amp;orderID=order-1&amp;paymentID={payment.pk}#top"
    assert (f'<li><a href="/checkout/{session.token}">{here}</a>' in page) is bool(here)
    for name in at_shop:
        assert f'<li><a href="{back}">{name}</a>' in page
    assert page.count("<li>") == len(suggested)


def test_an_empty_list_suggests_nothing(session: CheckoutSession, browser: Browser, pay: Pay, settings: Any) -> None:
    settings.ALTERNATIVES = []
    pay()
    declined_to_the_end("expired_card")
    Payment.objects.update(level=5)
    page = text_of(browser, session)
    assert "Other ways to pay" not in page
    assert ">Try another card</a>" in page


def test_a_fault_of_ours_is_kind_and_says_that_it_is_ours(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    payment = failed_at(6, "gateway_unavailable")
    page = text_of(browser, session)
    assert "<h1>We are sorry: this did not work</h1>" in page
    assert (
        "This is our fault, not yours and not your card&#x27;s. You were not charged, and your order is kept." in page
    )
    assert "Other ways to pay" not in page
    assert "by e-mail" not in page
    assert f'<a class="button primary" href="/checkout/{session.token}">Try again</a>' in page
    assert tag_of(browser, session)[1] is True

    CustomerMessage.objects.create(payment=payment, kind=CustomerMessage.Kind.RESUME, address="anna@shop.test")
    assert "We send you a link to pay by e-mail as soon as it works again." in text_of(browser, session)
    assert "We send you a link to pay by e-mail as soon as it works again." in text_of(browser, session, "")
    CustomerMessage.objects.update(due_at=None, sent_at=timezone.now())
    assert "We have sent you a link to this page by e-mail" in text_of(browser, session)


def test_a_fault_of_ours_can_be_tried_again_and_ends_paid(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay(1)
    failed_at(6, "no_gateway")
    pay(2)
    heard_from_gateway(Kind.SUCCEEDED)
    assert "Paid. Thank you!" in text_of(browser, session)


@pytest.mark.parametrize("level", [1, 4, 5, 6])
def test_the_reason_of_a_level_is_told_to_nobody(
    session: CheckoutSession, browser: Browser, pay: Pay, level: int
) -> None:
    pay()
    declined_to_the_end("stolen_card", message="reported stolen")
    Payment.objects.update(level=level, level_reason="primary declined: fraud stolen_card")
    for path in ("/status", "", "/status.json"):
        page = browser.get(f"/checkout/{session.token}{path}").content.decode().lower()
        assert not re.search("fraud|stolen|level|primary declined", page)


def test_a_payment_that_took_too_long_says_so(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    payment = Payment.objects.get()
    payment.expire(now=timezone.now())
    payment.save()
    page = text_of(browser, session)
    assert "<h1>This took too long</h1>" in page
    assert "This payment took too long and was closed. You were not charged." in page
    assert ">Try again</a>" in page
