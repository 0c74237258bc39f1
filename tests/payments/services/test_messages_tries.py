"""A message that the mail server does not take is tried again for a day, and then given up (requirements F3, G7)."""

import smtplib
from typing import Any

import pytest
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from payments.models import AuditEntry, Client, CustomerMessage, Payment
from payments.services.messages_way import AGAIN, MOST_TRIES
from tests.payments.services.telling import DELAYED, FAILED, advance, failed_payment, owed, send

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("public_site")]


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
