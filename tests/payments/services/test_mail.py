"""E-mails to customers: true when they leave, sent once, never lost to a mail server or a crash (requirement B7)."""

import smtplib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import AuditEntry, CheckoutSession, Circuit, Client, CustomerMessage, Order, Payment
from payments.services import mail
from payments.services.mail import AGAIN, MOST_TRIES, owe, send_due
from tests.payments.conftest import BECAUSE, accepted, after, sent

pytestmark = pytest.mark.django_db(transaction=True)

DELAYED, RESUME = CustomerMessage.Kind.DELAYED, CustomerMessage.Kind.RESUME
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.PUBLIC_URL = "https://pay.test"
    settings.DEFAULT_FROM_EMAIL = "Paysite <payments@pay.test>"
    settings.DEMO = False


def visit(payment: Payment, *, expires_in: timedelta = HOUR) -> CheckoutSession:
    """Let the payment's order have been paid on a checkout page, by somebody with an e-mail address."""
    Order.objects.filter(pk=payment.order_id).update(customer_email="anna@shop.test", customer_name="Anna")
    return CheckoutSession.objects.create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="https://shop.test/thanks",
        expires_at=timezone.now() + expires_in,
    )


def owed(payment: Payment, kind: str) -> CustomerMessage:
    row = owe(payment, kind)
    assert row is not None
    row.save()
    return row


@pytest.fixture
def queued(shop: Client) -> Payment:
    """A payment whose order was accepted although no gateway answered."""
    attempt = sent(shop)
    payment = after(attempt, Kind.NOT_SENT, "refused")
    visit(payment)
    Payment.objects.update(level=4, queued_at=timezone.now())
    return Payment.objects.get()


def failed(shop: Client, order: str = "order-1") -> Payment:
    """A payment that failed for a fault of ours."""
    payment = after(sent(shop, f"{order}-pay", order=order), Kind.NOT_SENT, "refused")
    payment.level = 6
    payment.fail(code="gateway_unavailable", now=timezone.now())
    payment.save()
    visit(payment)
    return payment


def breaker(*, is_open: bool) -> None:
    """Set the charge circuit of all gateways."""
    for gateway in ("primary", "secondary"):
        Circuit.objects.update_or_create(
            gateway=gateway,
            operation="charge",
            defaults={"state": "open" if is_open else "closed", "try_at": timezone.now() + HOUR if is_open else None},
        )


def made_due() -> None:
    CustomerMessage.objects.filter(due_at__isnull=False).update(due_at=timezone.now() - timedelta(seconds=1))


def waits() -> float:
    """Return in how many seconds the one e-mail is due."""
    due_at = CustomerMessage.objects.get().due_at
    assert due_at is not None
    return (due_at - timezone.now()).total_seconds()


def html_of(message: EmailMessage) -> str:
    assert isinstance(message, EmailMultiAlternatives)
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return str(content)


def test_nothing_is_owed_without_an_address_or_a_checkout_page(shop: Client) -> None:
    payment = accepted(shop)
    assert owe(payment, RESUME) is None
    Order.objects.update(customer_email="anna@shop.test")
    assert owe(payment, RESUME) is None
    visit(payment)
    row = owe(payment, RESUME)
    assert row is not None
    assert row._state.adding
    assert (row.kind, row.address, row.payment_id) == ("resume", "anna@shop.test", payment.pk)
    assert not CustomerMessage.objects.exists()


def test_an_accepted_order_is_told_at_once_and_once(queued: Payment) -> None:
    breaker(is_open=True)
    owed(queued, DELAYED)
    assert (send_due(BECAUSE), send_due(BECAUSE)) == (1, 0)
    (message,) = outgoing.outbox
    session = CheckoutSession.objects.get()
    assert message.to == ["anna@shop.test"]
    assert message.from_email == "Shop <payments@pay.test>"
    assert message.subject == "Your order order-1 at Shop is accepted"
    assert message.extra_headers == {
        "Message-ID": f"<delayed.{queued.pk}@pay.test>",
        "Auto-Submitted": "auto-generated",
    }
    html = html_of(message)
    for body in (message.body, html):
        assert f"https://pay.test/checkout/{session.token}/status" in body
        assert "so the payment of 12.50 USD is taken later: as soon as the provider is back." in body
        assert "you will not be charged twice" in body
        assert "paid" not in body.lower()
    row = CustomerMessage.objects.get()
    assert (row.due_at, row.claimed_until, row.trouble, row.tries) == (None, None, "", 1)
    assert row.sent_at is not None
    entry = AuditEntry.objects.get(action="mail.sent")
    assert (entry.payment_id, entry.before, entry.after) == (queued.pk, "retrying", "retrying")
    assert entry.data == {"mail": "delayed", "tries": 1}


@pytest.mark.parametrize("end", ["success", "failed", "expired"])
def test_an_e_mail_that_is_no_longer_true_is_dropped(queued: Payment, end: str) -> None:
    owed(queued, DELAYED)
    now = timezone.now()
    if end == "success":
        queued.succeed(now=now)
    elif end == "failed":
        queued.fail(code="expired_card", now=now)
    else:
        queued.expire(now=now)
    queued.save()
    assert send_due(BECAUSE) == 0
    assert outgoing.outbox == []
    row = CustomerMessage.objects.get()
    assert (row.due_at, row.sent_at, row.trouble) == (None, None, f"the payment is {end} by now")


def test_a_link_waits_until_a_gateway_is_back_and_costs_no_try(shop: Client) -> None:
    owed(failed(shop), RESUME)
    breaker(is_open=True)
    assert send_due(BECAUSE) == 0
    assert (CustomerMessage.objects.get().tries, outgoing.outbox) == (0, [])
    breaker(is_open=False)
    assert send_due(BECAUSE) == 1
    (message,) = outgoing.outbox
    session = CheckoutSession.objects.get()
    assert message.subject == "You can pay your order order-1 at Shop now"
    for body in (message.body, html_of(message)):
        assert f"https://pay.test/checkout/{session.token}" in body
        assert f"{session.token}/status" not in body
        assert "You were not charged, and your order is kept." in body


def test_one_gateway_that_is_back_suffices(shop: Client) -> None:
    breaker(is_open=True)
    Circuit.objects.filter(gateway="secondary").update(state="closed", try_at=None)
    owed(failed(shop), RESUME)
    assert send_due(BECAUSE) == 1


@pytest.mark.parametrize(("left", "extended"), [(-HOUR, True), (HOUR, True), (100 * HOUR, False)])
def test_the_link_works_for_two_days_from_sending(shop: Client, left: timedelta, *, extended: bool) -> None:
    payment = failed(shop)
    CheckoutSession.objects.update(expires_at=timezone.now() + left)
    owed(payment, RESUME)
    send_due(BECAUSE)
    lives: timedelta = CheckoutSession.objects.get().expires_at - timezone.now()
    expected = 48 * HOUR if extended else left
    assert abs((lives - expected).total_seconds()) < 20


def test_the_link_leads_to_the_newest_page_of_the_order(shop: Client) -> None:
    payment = failed(shop)
    CheckoutSession.objects.update(created_at=timezone.now() - HOUR)
    newest = visit(payment)
    owed(payment, RESUME)
    send_due(BECAUSE)
    assert newest.token in outgoing.outbox[0].body


def test_who_is_paying_again_already_gets_no_link(shop: Client) -> None:
    owed(failed(shop), RESUME)
    accepted(shop, "again", order="order-1", token="tok_other")
    assert send_due(BECAUSE) == 0
    assert CustomerMessage.objects.get().trouble == "another try is under way"


def test_who_has_paid_meanwhile_gets_no_link(shop: Client) -> None:
    owed(failed(shop), RESUME)
    after(sent(shop, "again", order="order-1", token="tok_other"), Kind.SUCCEEDED)
    assert send_due(BECAUSE) == 0
    assert CustomerMessage.objects.get().trouble == "the order is paid"


def test_several_failed_tries_are_one_link(shop: Client) -> None:
    first = failed(shop)
    Payment.objects.update(created_at=timezone.now() - HOUR)
    second = after(sent(shop, "again", order="order-1", token="tok_other"), Kind.DECLINED, decline_code="expired_card")
    assert second.status == "failed"
    owed(first, RESUME)
    owed(second, RESUME)
    assert send_due(BECAUSE) == 1
    assert {row.payment_id: row.trouble for row in CustomerMessage.objects.all()} == {
        first.pk: "the customer has tried again since",
        second.pk: "",
    }


def test_links_go_out_no_faster_than_a_queue_is_drained(shop: Client, settings: Any, monkeypatch: Any) -> None:
    settings.DRAIN_PER_SECOND = 5
    monkeypatch.setattr(mail, "MINUTE", 0.6)
    for number in range(5):
        owed(failed(shop, f"order-{number}"), RESUME)
    assert (send_due(BECAUSE), send_due(BECAUSE), send_due(BECAUSE)) == (3, 2, 0)


class Refusing(EmailBackend):
    """A mail server that takes nothing."""

    tried = 0

    def send_messages(self, messages: Any) -> int:
        type(self).tried += 1
        raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")


@pytest.fixture
def refusing(settings: Any) -> type[Refusing]:
    settings.EMAIL_BACKEND = f"{Refusing.__module__}.Refusing"
    Refusing.tried = 0
    return Refusing


@pytest.mark.parametrize(("tries", "minutes"), [(0, 1), (1, 5), (2, 15), (3, 60), (20, 60)])
@pytest.mark.usefixtures("refusing")
def test_what_a_mail_server_does_not_take_is_tried_again_later(queued: Payment, tries: int, minutes: int) -> None:
    owed(queued, DELAYED)
    CustomerMessage.objects.update(tries=tries)
    assert send_due(BECAUSE) == 0
    row = CustomerMessage.objects.get()
    assert (row.tries, row.claimed_until, row.sent_at) == (tries + 1, None, None)
    assert row.trouble == "SMTPServerDisconnected: Connection unexpectedly closed"
    assert abs(waits() - minutes * 60) < 10


def test_after_a_day_of_tries_it_is_given_up_and_noted(queued: Payment, refusing: type[Refusing]) -> None:
    assert 23 < (sum(AGAIN) + (MOST_TRIES - len(AGAIN) - 1) * AGAIN[-1]) / 60 < 24
    owed(queued, DELAYED)
    for _ in range(MOST_TRIES + 2):
        made_due()
        send_due(BECAUSE)
    row = CustomerMessage.objects.get()
    assert (refusing.tried, row.tries, row.due_at, row.sent_at) == (MOST_TRIES, MOST_TRIES, None, None)
    assert row.trouble.startswith(f"given up after {MOST_TRIES} tries: SMTPServerDisconnected")
    assert AuditEntry.objects.filter(action="mail.given_up").count() == 1


def test_a_mail_server_that_is_down_does_not_cost_everybody_a_try(shop: Client, refusing: type[Refusing]) -> None:
    for number in range(5):
        owed(failed(shop, f"order-{number}"), RESUME)
    assert send_due(BECAUSE) == 0
    assert refusing.tried == 3
    assert sorted(CustomerMessage.objects.values_list("tries", flat=True)) == [0, 0, 1, 1, 1]


def test_a_crash_after_sending_sends_it_again_under_the_same_id(queued: Payment, monkeypatch: Any) -> None:
    owed(queued, DELAYED)

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(mail, "_end", die)
        with pytest.raises(KeyboardInterrupt):
            send_due(BECAUSE)
    assert CustomerMessage.objects.get().sent_at is None
    assert send_due(BECAUSE) == 0, "another worker may still be sending it"
    made_due()
    assert send_due(BECAUSE) == 1
    ids = [message.extra_headers["Message-ID"] for message in outgoing.outbox]
    assert ids == [f"<delayed.{queued.pk}@pay.test>"] * 2


def test_no_transaction_is_open_while_the_mail_server_is_spoken_to(queued: Payment, monkeypatch: Any) -> None:
    owed(queued, DELAYED)
    open_ones: list[bool] = []
    original: Callable[..., int] = EmailBackend.send_messages

    def send(self: EmailBackend, messages: Any) -> int:
        open_ones.append(connection.in_atomic_block)
        return original(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", send)
    send_due(BECAUSE)
    assert open_ones == [False]


def test_what_another_worker_sends_is_not_claimed(queued: Payment) -> None:
    owed(queued, DELAYED)
    until: datetime = timezone.now() + timedelta(minutes=4)
    CustomerMessage.objects.update(due_at=until, claimed_until=until)
    assert send_due(BECAUSE) == 0
    assert (CustomerMessage.objects.get().tries, outgoing.outbox) == (0, [])


def test_texts_of_the_shop_and_the_customer_are_no_markup_in_html_and_whole_in_text(queued: Payment) -> None:
    Client.objects.update(name="Mug & <Sons>", support_email="help@shop.test")
    Order.objects.update(customer_name="<b>Zoë</b>")
    owed(queued, DELAYED)
    send_due(BECAUSE)
    (message,) = outgoing.outbox
    assert "Hello <b>Zoë</b>,\n" in message.body
    assert "Mug & <Sons>" in message.body
    assert "Write to help@shop.test and name the payment" in message.body
    assert message.reply_to == ["help@shop.test"]
    html = html_of(message)
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in html
    assert "<b>Zoë" not in html
    assert "Mug &amp; &lt;Sons&gt;" in html
    assert b"=?utf-8?" in message.message().as_bytes() or b"Mug & <Sons>" in message.message().as_bytes()


def test_a_link_after_an_accepted_order_says_that_it_was_accepted(queued: Payment) -> None:
    queued.fail(code="expired_card", now=timezone.now())
    queued.level, queued.queued_at = 5, timezone.now()
    queued.save()
    owed(queued, RESUME)
    assert send_due(BECAUSE) == 1
    assert "we had accepted your order order-1 at Shop, but could not take the payment" in outgoing.outbox[0].body
    assert "Payments work again" not in outgoing.outbox[0].body


@pytest.mark.parametrize("kind", [DELAYED, RESUME])
def test_no_e_mail_tells_a_reason_of_fraud_or_a_gateways_name(queued: Payment, kind: str) -> None:
    Payment.objects.update(error_code="stolen_card", level_reason="primary declined: fraud")
    if kind == RESUME:
        payment = Payment.objects.get()
        payment.fail(code="stolen_card", now=timezone.now())
        payment.save()
    owed(queued, kind)
    assert send_due(BECAUSE) == 1
    for body in (outgoing.outbox[0].body, html_of(outgoing.outbox[0])):
        assert not any(word in body.lower() for word in ("stolen", "fraud", "primary", "secondary", "level"))


def test_several_workers_send_each_e_mail_once(shop: Client) -> None:
    for number in range(6):
        owed(failed(shop, f"order-{number}"), RESUME)

    def work(_: int) -> int:
        try:
            return send_due(BECAUSE)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 6
    ids = [message.extra_headers["Message-ID"] for message in outgoing.outbox]
    assert len(ids) == len(set(ids)) == 6
    assert AuditEntry.objects.filter(action="mail.sent").count() == 6
