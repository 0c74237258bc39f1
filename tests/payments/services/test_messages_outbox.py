"""Messages to customers are sent once, never lost to a mail server or a crash, and dropped once untrue (B7, F3, G7)."""

import smtplib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core import mail as outgoing
from django.core.mail.backends.locmem import EmailBackend
from django.db import connection
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import AuditEntry, CheckoutSession, Client, CustomerMessage, Payment
from payments.services import messages_outbox
from payments.services.letter import letter
from payments.services.messages_outbox import Messages
from payments.services.messages_way import AGAIN, MOST_TRIES
from tests.payments.conftest import accepted, after, sent
from tests.payments.services.telling import HOUR, advance, breaker, failed_payment, owed, queued_payment, send, visit

pytestmark = pytest.mark.django_db(transaction=True)

DELAYED, RESUME, FAILED = CustomerMessage.Kind.DELAYED, CustomerMessage.Kind.RESUME, CustomerMessage.Kind.FAILED


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.PUBLIC_URL = "https://pay.test"
    settings.DEFAULT_FROM_EMAIL = "Paysite <payments@pay.test>"
    settings.DRAIN_PER_SECOND = 100


@pytest.fixture
def queued(shop: Client) -> Payment:
    return queued_payment(shop)


def trouble() -> str:
    row = CustomerMessage.objects.get()
    assert (row.due_at, row.sent_at, outgoing.outbox) == (None, None, [])
    return row.trouble


def test_what_is_owed_is_sent_once_and_noted(queued: Payment) -> None:
    breaker(is_open=True)
    owed(queued, DELAYED)
    send()
    send()
    assert [message.to for message in outgoing.outbox] == [["anna@shop.test"]]
    row = CustomerMessage.objects.get()
    assert (row.due_at, row.claimed_until, row.trouble, row.tries) == (None, None, "", 1)
    assert row.sent_at is not None
    entry = AuditEntry.objects.get(action="message.sent")
    assert (entry.payment_id, entry.before, entry.after) == (queued.pk, "retrying", "retrying")
    assert entry.data == {"message": "delayed", "channel": "email", "tries": 1}


def test_what_is_not_due_yet_waits(queued: Payment) -> None:
    owed(queued, DELAYED)
    CustomerMessage.objects.update(due_at=timezone.now() + timedelta(minutes=2))
    send()
    assert outgoing.outbox == []
    advance(121)
    send()
    assert len(outgoing.outbox) == 1


def test_an_accepted_order_that_is_paid_meanwhile_is_not_told_that_it_waits(queued: Payment) -> None:
    owed(queued, DELAYED)
    queued.process(gateway="primary")
    queued.succeed(now=timezone.now())
    queued.save()
    send()
    assert trouble() == "the payment is success by now"
    assert AuditEntry.objects.get(action="message.dropped").reason == "the payment is success by now"


def test_a_link_waits_until_a_gateway_is_back(shop: Client) -> None:
    owed(failed_payment(shop), RESUME)
    breaker(is_open=True)
    send()
    assert (outgoing.outbox, CustomerMessage.objects.get().tries) == ([], 0)
    breaker(is_open=False)
    send()
    assert len(outgoing.outbox) == 1


def test_a_link_after_a_decline_waits_for_no_gateway(shop: Client) -> None:
    owed(failed_payment(shop), FAILED)
    breaker(is_open=True)
    send()
    assert len(outgoing.outbox) == 1


@pytest.mark.parametrize(("left", "extended"), [(-HOUR, True), (HOUR, True), (100 * HOUR, False)])
@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_a_link_works_for_two_days_from_sending(shop: Client, kind: str, left: timedelta, *, extended: bool) -> None:
    payment = failed_payment(shop)
    CheckoutSession.objects.update(expires_at=timezone.now() + left)
    owed(payment, kind)
    send()
    lives: timedelta = CheckoutSession.objects.get().expires_at - timezone.now()
    expected = 48 * HOUR if extended else left
    assert abs((lives - expected).total_seconds()) < 20


def test_the_link_leads_to_the_newest_page_of_the_order(shop: Client) -> None:
    payment = failed_payment(shop)
    CheckoutSession.objects.update(created_at=timezone.now() - HOUR)
    newest = visit(payment)
    owed(payment, RESUME)
    send()
    assert newest.token in outgoing.outbox[0].body


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_without_a_page_there_is_no_link_to_send(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    CheckoutSession.objects.all().delete()
    send()
    assert trouble() == "the order has no checkout page"


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_nobody_is_asked_back_to_a_checkout_that_the_shop_was_told_is_over(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    ended_at = timezone.now()
    CheckoutSession.objects.update(expires_at=ended_at, ended_at=ended_at)
    send()
    assert trouble() == "the shop was told that the checkout is over"
    assert CheckoutSession.objects.get().expires_at == ended_at


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_who_is_paying_again_already_gets_no_link(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    accepted(shop, "again", order="order-1", token="tok_other")
    send()
    assert trouble() == "another try is under way"


@pytest.mark.parametrize("kind", [RESUME, FAILED])
def test_who_has_paid_meanwhile_gets_no_link(shop: Client, kind: str) -> None:
    owed(failed_payment(shop), kind)
    CustomerMessage.objects.update(due_at=timezone.now() + HOUR)
    after(sent(shop, "again", order="order-1", token="tok_other"), Kind.SUCCEEDED)
    CustomerMessage.objects.exclude(kind=kind).delete()
    advance(3601)
    send()
    assert trouble() == "the order is paid"


def test_several_failed_tries_are_one_link(shop: Client) -> None:
    first = failed_payment(shop)
    owed(first, RESUME)
    Payment.objects.update(created_at=timezone.now() - HOUR)
    second = after(sent(shop, "again", order="order-1", token="tok_other"), Kind.DECLINED, decline_code="expired_card")
    assert second.status == "failed"
    CustomerMessage.objects.exclude(kind=RESUME).delete()
    owed(second, RESUME)
    send()
    assert {row.payment_id: row.trouble for row in CustomerMessage.objects.all()} == {
        first.pk: "the customer has tried again since",
        second.pk: "",
    }


def test_links_go_out_no_faster_than_a_queue_is_drained(shop: Client, settings: Any) -> None:
    settings.DRAIN_PER_SECOND = 3
    for number in range(5):
        owed(failed_payment(shop, f"order-{number}"), RESUME)
    source = Messages()
    send(source)
    assert len(outgoing.outbox) == 3


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
    send()
    row = CustomerMessage.objects.get()
    assert (row.tries, row.claimed_until, row.sent_at) == (tries + 1, None, None)
    assert row.trouble == "SMTPServerDisconnected: Connection unexpectedly closed"
    assert row.due_at is not None
    assert abs((row.due_at - timezone.now()).total_seconds() - minutes * 60) < 10


def test_after_a_day_of_tries_it_is_given_up_and_noted(queued: Payment, refusing: type[Refusing]) -> None:
    assert 23 < (sum(AGAIN) + (MOST_TRIES - len(AGAIN) - 1) * AGAIN[-1]) / 60 < 24
    owed(queued, DELAYED)
    for _ in range(MOST_TRIES + 2):
        send()
        advance(3601)
    row = CustomerMessage.objects.get()
    assert (refusing.tried, row.tries, row.due_at, row.sent_at) == (MOST_TRIES, MOST_TRIES, None, None)
    assert row.trouble.startswith(f"given up after {MOST_TRIES} tries: SMTPServerDisconnected")
    assert AuditEntry.objects.filter(action="message.given_up").count() == 1


def test_a_mail_server_that_is_down_does_not_cost_everybody_a_try(shop: Client, refusing: type[Refusing]) -> None:
    for number in range(9):
        owed(failed_payment(shop, f"order-{number}"), FAILED)
    send()
    # Four at once, of which the third failure makes it rest.
    assert refusing.tried == 4
    assert sorted(CustomerMessage.objects.values_list("tries", flat=True)) == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_a_crash_after_sending_sends_it_again_under_the_same_id(queued: Payment, monkeypatch: Any) -> None:
    owed(queued, DELAYED)

    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the worker died here")

    with monkeypatch.context() as patch:
        patch.setattr(messages_outbox, "_end", die)
        send()
    assert CustomerMessage.objects.get().sent_at is None
    send()
    assert len(outgoing.outbox) == 1, "another worker may still be sending it"
    advance(301)
    send()
    ids = [message.extra_headers["Message-ID"] for message in outgoing.outbox]
    assert ids == [f"<delayed.{queued.pk}@pay.test>"] * 2


def test_who_speaks_to_the_mail_server_never_asks_the_database(queued: Payment, monkeypatch: Any) -> None:
    owed(queued, DELAYED)
    seen: list[tuple[bool, bool]] = []
    original: Callable[..., int] = EmailBackend.send_messages

    def look(self: EmailBackend, messages: Any) -> int:
        seen.append((threading.current_thread().name.startswith("outbox"), connection.connection is None))
        return original(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", look)
    send()
    assert seen == [(True, True)]


def test_what_another_worker_sends_is_not_claimed(queued: Payment) -> None:
    owed(queued, DELAYED)
    until: datetime = timezone.now() + timedelta(minutes=4)
    CustomerMessage.objects.update(due_at=until, claimed_until=until)
    send()
    assert (CustomerMessage.objects.get().tries, outgoing.outbox) == (0, [])


def test_one_message_that_cannot_be_written_stops_no_other(shop: Client, monkeypatch: Any) -> None:
    bad, good = failed_payment(shop, "order-bad"), failed_payment(shop, "order-good")

    def broken_for_one(message: CustomerMessage, *more: Any) -> Any:
        if message.payment_id == bad.pk:
            raise KeyError("a template with a mistake")
        return letter(message, *more)

    monkeypatch.setattr(messages_outbox, "letter", broken_for_one)
    owed(bad, FAILED)
    owed(good, FAILED)
    send()
    assert {row.payment_id: row.trouble for row in CustomerMessage.objects.all()} == {bad.pk: "KeyError", good.pk: ""}
    assert len(outgoing.outbox) == 1


def test_several_loops_send_each_message_once(shop: Client) -> None:
    for number in range(6):
        owed(failed_payment(shop, f"order-{number}"), RESUME)

    def work(_: int) -> None:
        try:
            send()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    ids = [message.extra_headers["Message-ID"] for message in outgoing.outbox]
    assert len(ids) == len(set(ids)) == 6
    assert AuditEntry.objects.filter(action="message.sent").count() == 6
