"""Back from the bank, in every order and at every time: the page tells what the gateway said, no more (F5)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from django.test import Client as Browser
from django.utils import timezone

from payments.models import CheckoutSession, Payment
from payments.reliability.gateways import gateway_named
from payments.services.return_address import return_path
from payments.services.settle import Settler
from tests.payments.checkout.conftest import Pay
from tests.payments.conftest import BECAUSE
from tests.sandbox import SHOP, SandboxProcess, start_sandbox
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

DAY = 24 * 3600


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    gateway = start_sandbox(tmp_path_factory.mktemp("gateway") / "ledger.sqlite3")
    yield gateway
    gateway.close()


@pytest.fixture
def bank(sandbox: SandboxProcess, settings: Any) -> Iterator[SandboxProcess]:
    """The one gateway of the site, whose page of confirmation stands for the customer's bank."""
    url = sandbox.url
    settings.PUBLIC_URL = SHOP
    settings.GATEWAYS = [{"name": "primary", "kind": "sandbox", "url": url, "origin": url, "secret": sandbox.secret}]
    gateway_named.cache_clear()
    yield sandbox
    gateway_named.cache_clear()


def settle() -> None:
    settler = Settler(BECAUSE, threads=4)
    settler.drain()
    settler.finish()


@pytest.fixture
def asked(bank: SandboxProcess, pay: Pay) -> Payment:
    """A payment that waits for the customer at the bank's page."""
    pay(card="tok_authentication_required")
    settle()
    payment = Payment.objects.get()
    assert payment.status == "requires_action"
    return payment


def choose(payment: Payment, choice: str) -> str:
    """Press a button on the bank's page; return where it sends the browser."""
    reply = requests.post(payment.action_url, data={"choice": choice}, allow_redirects=False, timeout=5)
    return reply.headers.get("Location", "")


def come_back(browser: Browser, payment: Payment) -> None:
    assert browser.get(return_path(payment)).status_code == 303


def page_of(browser: Browser, session: CheckoutSession, query: str = "?returned=1") -> str:
    return re.sub(r"\s+", " ", browser.get(f"/checkout/{session.token}/status{query}").content.decode())


def charges(bank: SandboxProcess) -> list[str]:
    return [charge["status"] for charge in bank.charges(reference=Payment.objects.get().pk)]


def test_the_bank_sends_the_customer_to_the_page_that_asks_it(asked: Payment) -> None:
    assert choose(asked, "approve") == f"{SHOP}{return_path(asked)}"


def test_an_approval_ends_paid_in_both_tabs(
    asked: Payment, bank: SandboxProcess, session: CheckoutSession, browser: Browser
) -> None:
    first_tab = page_of(browser, session, "")
    assert "Please confirm with your bank" in first_tab
    choose(asked, "approve")
    come_back(browser, asked)
    assert "We are asking your bank…" in page_of(browser, session)
    settle()
    for query in ("", "?returned=1"):
        assert "Paid. Thank you!" in page_of(browser, session, query)
        assert browser.get(f"/checkout/{session.token}/status.json{query}").json()["final"] is True
    assert charges(bank) == ["succeeded"]


def test_coming_back_twice_changes_nothing(
    asked: Payment, bank: SandboxProcess, session: CheckoutSession, browser: Browser
) -> None:
    choose(asked, "approve")
    for _ in range(2):
        come_back(browser, asked)
        settle()
    assert "Paid. Thank you!" in page_of(browser, session)
    assert choose(asked, "fail") == f"{SHOP}{return_path(asked)}"
    come_back(browser, asked)
    settle()
    assert "Paid. Thank you!" in page_of(browser, session)
    assert charges(bank) == ["succeeded"]


@pytest.mark.parametrize(
    ("choice", "words", "ends"),
    [
        ("fail", "Your bank could not confirm that it was you. You were not charged. Please try again.", "declined"),
        ("cancel", "You canceled the confirmation. You were not charged. Please try again if you like.", "canceled"),
    ],
)
def test_a_confirmation_that_does_not_succeed_says_why_and_lets_try_again(
    asked: Payment,
    bank: SandboxProcess,
    session: CheckoutSession,
    browser: Browser,
    choice: str,
    words: str,
    ends: str,
) -> None:
    choose(asked, choice)
    come_back(browser, asked)
    settle()
    page = page_of(browser, session)
    assert "The payment did not go through" in page
    assert words in page
    assert ">Try again</a>" in page
    assert charges(bank) == [ends]


def test_who_comes_back_without_confirming_is_told_that_the_bank_still_waits(
    asked: Payment, bank: SandboxProcess, session: CheckoutSession, browser: Browser
) -> None:
    come_back(browser, asked)
    assert "We are asking your bank…" in page_of(browser, session)
    settle()
    page = page_of(browser, session)
    assert "Your bank has not confirmed it yet" in page
    assert "Nothing is charged before you confirm." in page
    assert f'href="{asked.action_url}">Confirm with your bank</a>' in page
    assert "We are asking your bank…" not in page
    choose(asked, "approve")
    come_back(browser, asked)
    settle()
    assert "Paid. Thank you!" in page_of(browser, session)


def test_an_abandoned_confirmation_waits_and_ends_by_itself_uncharged(
    asked: Payment, bank: SandboxProcess, session: CheckoutSession, browser: Browser
) -> None:
    advance(60)
    settle()
    assert "Please confirm with your bank" in page_of(browser, session, "")
    advance(DAY + 60)
    settle()
    page = page_of(browser, session, "")
    assert "You were not charged." in page
    assert ">Try again</a>" in page
    assert Payment.objects.get().status == "expired"
    assert charges(bank) == ["canceled"]


def test_who_comes_back_after_the_end_reads_that_it_took_too_long(
    asked: Payment, bank: SandboxProcess, session: CheckoutSession, browser: Browser
) -> None:
    advance(DAY + 60)
    settle()
    # The bank's page is over, too: pressing its button charges nothing.
    choose(asked, "approve")
    come_back(browser, asked)
    settle()
    page = page_of(browser, session)
    assert "This took too long" in page
    assert "This payment took too long and was closed. You were not charged." in page
    assert charges(bank) == ["canceled"]


def test_who_approved_in_the_last_moment_is_paid_although_the_time_is_over(
    asked: Payment, bank: SandboxProcess, session: CheckoutSession, browser: Browser
) -> None:
    choose(asked, "approve")
    advance(DAY + 60)
    come_back(browser, asked)
    settle()
    assert "Paid. Thank you!" in page_of(browser, session)
    assert charges(bank) == ["succeeded"]


def test_a_customer_without_a_page_of_ours_reads_the_truth_after_the_end(asked: Payment, browser: Browser) -> None:
    CheckoutSession.objects.all().delete()
    reply = browser.get(return_path(asked)).content.decode()
    assert "We are asking your bank for its answer" in reply
    payment = Payment.objects.get()
    payment.expire(now=timezone.now() + timedelta(seconds=1))
    payment.save()
    reply = browser.get(return_path(asked)).content.decode()
    assert "The payment was closed before you came back, and you were not charged." in reply
