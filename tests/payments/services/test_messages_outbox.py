"""Messages to customers are sent once, never lost to a crash, and dropped once untrue (requirements B7, F3)."""

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

from payments.models import AuditEntry, Client, CustomerMessage, Payment
from payments.services import messages_outbox
from payments.services.letter import letter
from tests.payments.services.telling import (
    DELAYED,
    FAILED,
    RESUME,
    advance,
    breaker,
    failed_payment,
    owed,
    send,
    trouble,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_site")]


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
