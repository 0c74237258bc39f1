"""Alerts to the team: by e-mail and webhook, once each, with tries of their own (requirements G3, G7)."""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.core import mail as outgoing

from payments.models import Notice
from payments.services.messages_way import MOST_TRIES
from payments.services.notices import Notices, Severity, tell
from tests.payments.services.telling import advance, send
from tests.support.http_double import HttpDouble, http_double

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hook(settings: Any) -> Iterator[HttpDouble]:
    with http_double() as double:
        settings.ALERT_WEBHOOK = f"{double.url}/hooks/team?token=secret"
        settings.PUBLIC_URL = "https://pay.test"
        yield double


def opened(key: str = "circuit:1", severity: str = Severity.WARNING) -> None:
    tell("breaker_opened", key, f"Breaker opened: {key}", "5 failures in a row", severity, "/admin/payments/circuit/")


def send_notices() -> None:
    send(Notices())


@pytest.mark.parametrize(
    ("emails", "webhook", "channels"),
    [
        ([], "", []),
        (["team@shop.test"], "", ["email"]),
        ([], "http://127.0.0.1:9/", ["webhook"]),
        (["team@shop.test"], "http://127.0.0.1:9/", ["email", "webhook"]),
    ],
)
def test_a_notice_is_written_for_each_channel_that_the_settings_name(
    settings: Any, emails: list[str], webhook: str, channels: list[str]
) -> None:
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK = emails, webhook
    opened()
    opened()
    assert list(Notice.objects.order_by("pk").values_list("channel", flat=True)) == channels


def test_somebody_else_is_told_alone_and_by_e_mail(settings: Any) -> None:
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK = ["team@shop.test"], "http://127.0.0.1:9/"
    tell("endpoint_disabled", "endpoint:1", "Disabled", "It failed.", Severity.WARNING, address="a@b.test,c@d.test")
    send_notices()
    assert [message.to for message in outgoing.outbox] == [["a@b.test", "c@d.test"]]
    assert Notice.objects.get().sent_at is not None


def test_what_is_due_together_is_one_e_mail_the_gravest_first(settings: Any) -> None:
    settings.ALERT_EMAILS, settings.PUBLIC_URL = ["team@shop.test"], "https://pay.test"
    opened("circuit:1")
    tell("taken_back", "task:1", "A paid charge was undone", "It waits.", Severity.CRITICAL, "/admin/x/")
    send_notices()
    send_notices()
    (message,) = outgoing.outbox
    assert message.subject == "Paysite: [critical] A paid charge was undone and 1 more"
    assert message.body == (
        "[critical] A paid charge was undone\nIt waits.\nhttps://pay.test/admin/x/\n\n"
        "[warning] Breaker opened: circuit:1\n5 failures in a row\nhttps://pay.test/admin/payments/circuit/\n"
    )


def test_the_webhook_gets_json_as_chat_tools_take_it(hook: HttpDouble) -> None:
    opened()
    send_notices()
    send_notices()
    (asked,) = hook.asked
    assert asked.path == "/hooks/team?token=secret"
    assert asked.headers["Content-Type"] == "application/json"
    assert orjson.loads(asked.body) == {
        "text": "[warning] Breaker opened: circuit:1\n5 failures in a row\nhttps://pay.test/admin/payments/circuit/",
        "severity": "warning",
        "kind": "breaker_opened",
        "link": "https://pay.test/admin/payments/circuit/",
    }


def test_a_webhook_that_is_down_delays_no_e_mail_and_gets_it_later(hook: HttpDouble, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]
    hook.answer = (500, b"down")
    opened()
    send_notices()
    assert len(outgoing.outbox) == 1
    row = Notice.objects.get(channel="webhook")
    assert (row.sent_at, row.tries, row.trouble) == (None, 1, "HTTP 500")
    hook.answer = (200, b"ok")
    advance(61)
    send_notices()
    assert Notice.objects.get(channel="webhook").sent_at is not None
    assert (len(hook.asked), len(outgoing.outbox)) == (2, 1)


def test_a_webhook_that_never_works_is_given_up_and_its_address_kept_to_ourselves(
    hook: HttpDouble, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALERT_WEBHOOK = "http://127.0.0.1:9/hooks/secret"
    opened()
    for _ in range(MOST_TRIES + 2):
        send_notices()
        advance(3601)
    row = Notice.objects.get()
    assert (row.tries, row.due_at, row.sent_at) == (MOST_TRIES, None, None)
    assert row.trouble == f"given up after {MOST_TRIES} tries: refused"
    assert "secret" not in caplog.text


def test_a_channel_that_the_settings_lost_is_given_up_at_once(settings: Any) -> None:
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK = ["team@shop.test"], "http://127.0.0.1:9/"
    opened()
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK = [], ""
    send_notices()
    assert sorted(Notice.objects.filter(due_at=None).values_list("trouble", flat=True)) == [
        "given up after 1 tries: the settings name no webhook",
        "given up after 1 tries: the settings name nobody to be told",
    ]


def test_a_subject_is_one_line(settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]
    tell("x", "x:1", "Bad\nBcc: eve@evil.test", "", Severity.INFO)
    send_notices()
    assert outgoing.outbox[0].subject == "Paysite: [info] Bad Bcc: eve@evil.test"
