"""The demo's inbox shows what customers would have got, and nothing of it runs (requirement G7)."""

import os
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMultiAlternatives
from django.test import Client as Browser

from payments.models import Notice
from payments.services.notices import email_about
from payments.services.sms import Files
from paysite.demo.inbox import MOST, everything

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.DEMO, settings.VAR_DIR = True, tmp_path
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    return tmp_path


def mailed(subject: str = "Your order", html: str = "<p>Hello <b>Zoë</b></p>", to: str = "anna@shop.test") -> None:
    message = EmailMultiAlternatives(subject, "Hello Zoë\n", "Shop <pay@shop.test>", [to])
    message.attach_alternative(html, "text/html")
    message.send()


def page(browser: Browser) -> str:
    reply = browser.get("/inbox/")
    assert reply.status_code == 200
    return reply.content.decode()


def test_an_empty_inbox_says_what_to_do(folder: Path) -> None:
    assert "Nothing was sent yet." in page(Browser())


def test_e_mails_and_sms_are_shown_newest_first(folder: Path) -> None:
    mailed("The first")
    Files(folder / "sms").send("+4915112345678", "You can pay now: https://pay.test/x")
    (mail,) = (folder / "mail").iterdir()
    os.utime(mail, (1_700_000_000, 1_700_000_000))
    text = page(Browser())
    assert text.index("You can pay now") < text.index("The first")
    assert '<a href="https://pay.test/x" rel="nofollow">https://pay.test/x</a>' in text
    assert "to anna@shop.test, from Shop &lt;pay@shop.test&gt;" in text
    assert "2023-11-14 22:13:20 UTC" in text


def test_an_e_mails_markup_stays_in_a_frame_that_may_run_nothing(folder: Path) -> None:
    mailed("<script>alert(1)</script>", html='<p title="x">Hi</p><script>alert(2)</script>')
    reply = Browser().get("/inbox/")
    text = reply.content.decode()
    assert "<script>alert" not in text
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in text
    assert "&lt;p title=&quot;x&quot;&gt;Hi&lt;/p&gt;&lt;script&gt;" in text
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_several_e_mails_of_one_file_are_several(folder: Path) -> None:
    mailed("The first")
    mailed("The second")
    one, *others = sorted((folder / "mail").iterdir())
    whole = b"".join(path.read_bytes() for path in (one, *others))
    for path in others:
        path.unlink()
    one.write_bytes(whole)
    assert sorted(shown.subject for shown in everything(folder / "mail", folder / "sms")) == ["The first", "The second"]


def test_no_more_than_the_newest_are_read(folder: Path) -> None:
    for number in range(MOST + 5):
        Files(folder / "sms").send("+4915112345678", f"number {number}")
    shown = everything(None, folder / "sms")
    assert len(shown) == MOST
    assert not any(each.text == "number 4" for each in shown)


def test_with_a_mail_server_the_page_says_where_e_mails_are(folder: Path, settings: Any) -> None:
    del settings.EMAIL_FILE_PATH
    assert "E-mails go to the mail server of the settings" in page(Browser())


def test_an_alert_is_marked_as_for_the_team_and_keeps_its_lines(folder: Path, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@paysite.example"]
    notice = Notice(kind="breaker_opened", severity="warning", subject="It opened", text="One.\nTwo.", path="/admin/x")
    email_about([notice], settings.ALERT_EMAILS).send()
    text = page(Browser())
    assert '<span class="channel">e-mail to the team</span>' in text
    assert "Paysite: [warning] It opened" in text
    assert "[warning] It opened<br>One.<br>Two.<br>" in text


def test_what_customers_and_shops_get_is_not_marked_as_for_the_team(folder: Path, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@paysite.example"]
    mailed("Your order", to="team@paysite.example")
    mailed("Paysite: [warning] Your endpoint", to="help@demo-shop.example")
    mailed("Paysite: [warning] Both", to="team@paysite.example, help@demo-shop.example")
    shown = everything(folder / "mail", folder / "sms", team=settings.ALERT_EMAILS)
    assert [each.for_team for each in shown] == [False, False, False]
    assert "to the team</span>" not in page(Browser())


def test_the_page_says_that_it_shows_the_newest_alone(folder: Path, settings: Any) -> None:
    Files(folder / "sms").send("+4915112345678", "the first")
    assert "It shows the newest" not in page(Browser())
    for number in range(MOST):
        Files(folder / "sms").send("+4915112345678", f"number {number}")
    assert f"It shows the newest {MOST}." in page(Browser())
    assert f'<a href="{settings.DEMO_INBOX_URL}">What Paysite tells the demo shop</a>' in page(Browser())


def test_outside_the_demo_there_is_no_inbox(folder: Path, settings: Any) -> None:
    mailed("A secret")
    settings.DEMO = False
    reply = Browser().get("/inbox/")
    assert (reply.status_code, b"A secret" in reply.content) == (404, False)


def test_nothing_can_be_posted_to_it(folder: Path) -> None:
    assert Browser().post("/inbox/").status_code == 405
