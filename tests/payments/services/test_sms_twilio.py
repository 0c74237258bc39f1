"""SMS by Twilio's API, over a real socket: what is asked, and what each answer means (requirement G7)."""

import base64
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest

from payments.models import Client, CustomerMessage
from payments.services import sms
from payments.services.messages_way import Result
from tests.payments.services.telling import advance, failed_payment, owed, send
from tests.support.http_double import HttpDouble, http_double

TO = "+4915112345678"


@pytest.fixture
def twilio(settings: Any) -> Iterator[HttpDouble]:
    with http_double() as double:
        double.answer = (201, b'{"sid": "SM1", "status": "queued"}')
        settings.SMS_BACKEND, settings.TWILIO_URL = "twilio", double.url
        settings.TWILIO_ACCOUNT, settings.TWILIO_TOKEN, settings.TWILIO_FROM = "AC1", "secret-token", "+15005550006"
        yield double


def test_a_message_is_posted_as_twilio_wants_it(twilio: HttpDouble) -> None:
    assert sms.backend().send(TO, "Grüße & 1+1") == Result()
    (asked,) = twilio.asked
    assert asked.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(b"AC1:secret-token").decode()
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(asked.body.decode()) == {"To": [TO], "From": ["+15005550006"], "Body": ["Grüße & 1+1"]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((400, b'{"code": 21211, "message": "Invalid To"}'), Result("HTTP 400: 21211 Invalid To", is_final=True)),
        ((401, b'{"code": 20003}'), Result("HTTP 401: 20003", is_down=True)),
        ((429, b"slow down"), Result("HTTP 429: no JSON", is_down=True)),
        ((404, b"[]"), Result("HTTP 404: no JSON object", is_final=True)),
        ((503, b"{}"), Result("HTTP 503: ", is_down=True, is_lost=True)),
    ],
)
def test_every_answer_has_its_meaning(twilio: HttpDouble, answer: tuple[int, bytes], expected: Result) -> None:
    twilio.answer = answer
    assert sms.backend().send(TO, "hello") == expected


def test_no_answer_may_have_been_sent(twilio: HttpDouble) -> None:
    twilio.answer = None
    result = sms.backend().send(TO, "hello")
    assert (result.is_lost, result.is_down, result.is_final) == (True, True, False)


def test_a_refused_connection_was_certainly_not_sent(settings: Any) -> None:
    settings.SMS_BACKEND, settings.TWILIO_URL = "twilio", "http://127.0.0.1:9"
    result = sms.backend().send(TO, "hello")
    assert (result.is_lost, result.is_down) == (False, True)


@pytest.mark.django_db(transaction=True)
def test_what_was_never_answered_is_sent_at_most_twice(shop: Client, twilio: HttpDouble) -> None:
    twilio.answer = None
    owed(failed_payment(shop), CustomerMessage.Kind.FAILED, channel="sms")
    for _ in range(4):
        send()
        advance(3601)
    row = CustomerMessage.objects.get()
    assert (len(twilio.asked), row.tries, row.due_at, row.sent_at) == (2, 2, None, None)
    assert row.trouble.startswith("given up after 2 tries")


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_is_lost_once_and_then_comes_ends_well(shop: Client, twilio: HttpDouble) -> None:
    twilio.answer = None
    owed(failed_payment(shop), CustomerMessage.Kind.FAILED, channel="sms")
    send()
    assert CustomerMessage.objects.get().trouble.startswith("May have been sent. ")
    twilio.answer = (201, b"{}")
    advance(61)
    send()
    row = CustomerMessage.objects.get()
    assert (len(twilio.asked), row.sent_at is not None, row.trouble) == (2, True, "")
