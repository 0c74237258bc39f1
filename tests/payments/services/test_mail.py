"""E-mails over a real mail server (requirement G7): delivered whole, refused, down and up again."""

import email
import email.policy
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from payments.models import Client, CustomerMessage
from payments.services.messages_outbox import Messages
from tests.payments.services.telling import advance, failed_payment, owed, send
from tests.support.smtp import SmtpServer, smtp_server

pytestmark = pytest.mark.django_db(transaction=True)

FAILED = CustomerMessage.Kind.FAILED


@pytest.fixture
def server(settings: Any) -> Iterator[SmtpServer]:
    with smtp_server() as running:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", running.port
        settings.DEFAULT_FROM_EMAIL = "payments@pay.test"
        yield running


def state() -> tuple[bool, int, str]:
    row = CustomerMessage.objects.get()
    return row.sent_at is not None, row.tries, row.trouble


def test_an_e_mail_arrives_with_text_html_and_its_own_id(shop: Client, server: SmtpServer) -> None:
    payment = failed_payment(shop)
    owed(payment, FAILED)
    send()
    assert state() == (True, 1, "")
    (raw,) = server.messages
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert (message["To"], message["From"]) == ("anna@shop.test", "Shop <payments@pay.test>")
    assert message["Message-ID"] == f"<failed.{payment.pk}@pay.test>"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_few_connections_are_open_at_once(shop: Client, server: SmtpServer) -> None:
    for number in range(12):
        owed(failed_payment(shop, f"order-{number}"), FAILED)
    send()
    assert len(server.messages) == 12
    assert 1 <= server.most <= 4


def test_an_address_that_is_refused_for_good_is_not_tried_again(shop: Client, server: SmtpServer) -> None:
    server.refuses = "550 nobody here"
    owed(failed_payment(shop), FAILED)
    send()
    row = CustomerMessage.objects.get()
    assert (row.due_at, row.sent_at, row.tries) == (None, None, 1)
    assert row.trouble.startswith("given up after 1 tries: SMTPRecipientsRefused")
    # The trail is for ever; the customer's address is not.
    assert "@" not in row.trouble


def test_an_address_that_is_refused_for_now_is_tried_again(shop: Client, server: SmtpServer) -> None:
    server.refuses = "450 come back later"
    owed(failed_payment(shop), FAILED)
    send()
    server.refuses = ""
    advance(61)
    send()
    assert state() == (True, 2, "")


def test_a_server_that_is_down_and_up_again_gets_everything_once(
    shop: Client, server: SmtpServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("payments.services.messages_way.REST", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = free.getsockname()[1]
    settings.EMAIL_PORT = nobody
    source = Messages()
    owed(failed_payment(shop), FAILED)
    send(source)
    sent, tries, trouble = state()
    assert (sent, tries) == (False, 1)
    assert trouble.startswith("ConnectionRefusedError")
    settings.EMAIL_PORT = server.port
    advance(61)
    send(source)
    send(source)
    assert (state(), len(server.messages)) == ((True, 2, ""), 1)
