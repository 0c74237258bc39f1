"""The console's front page, its login and its headers (G4)."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from payments.gateways.base import Kind
from payments.models import Client, SettleLoop
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db

# User and session, the user's permissions and those of the groups, then the page itself: fifteen queues (four of
# them about events, three about refunds, one about disputes), gateways with five, payments with two, their levels,
# loops, recovery; on PostgreSQL the time as well.
STATEMENTS = 31 + (connection.vendor == "postgresql")


@pytest.fixture
def shop() -> Client:
    return Client.objects.create(slug="shop", name="Shop", form_secret="form-secret")


@pytest.fixture
def operator() -> Browser:
    return browser_of("anna", "Operator")


def test_the_front_page_answers_with_few_statements_however_many_payments_there_are(
    shop: Client, operator: Browser
) -> None:
    counts = []
    for number in range(4):
        with CaptureQueriesContext(connection) as queries:
            assert operator.get("/admin/").status_code == 200
        counts.append(len(queries))
        after(sent(shop, f"u{number}", order=f"u{number}"), Kind.UNKNOWN, alert=True)
        after(sent(shop, f"s{number}", order=f"s{number}", currency="JPY"), Kind.SUCCEEDED)
        after(sent(shop, f"d{number}", order=f"d{number}"), Kind.DECLINED, decline_code="expired_card")
    assert counts == [STATEMENTS] * 4


def test_the_front_page_calls_no_gateway(shop: Client, operator: Browser, settings: Any) -> None:
    # Nothing listens there; a health call would hang or raise.
    url = "http://127.0.0.1:9"
    settings.GATEWAYS = [{"name": "unreachable", "kind": "sandbox", "url": url, "origin": url, "secret": "x"}]
    assert "unreachable" in text_of(operator, "/admin/")


def test_a_card_shows_count_age_and_value_at_risk_and_leads_to_its_list(shop: Client, operator: Browser) -> None:
    after(sent(shop, amount=1005, currency="KWD"), Kind.UNKNOWN)
    page = text_of(operator, "/admin/")
    card = page.partition('data-queue="unknown"')[2].partition("</a>")[0]
    assert "1.005 KWD" in card
    assert "Oldest: " in card
    assert '<span class="console-card-count">1</span>' in card
    listed = operator.get("/admin/payments/payment/?queue=unknown")
    assert 'href="/admin/payments/payment/?queue=unknown"' in page
    assert listed.context["cl"].result_count == 1


def test_loops_that_do_not_beat_are_the_first_thing_said(operator: Browser) -> None:
    assert "No settle loop works" in text_of(operator, "/admin/")
    SettleLoop.objects.create(name="settle-1", beat_at=None)
    assert "never gave a sign of life" in text_of(operator, "/admin/")


def test_a_user_without_permissions_sees_no_figures(shop: Client) -> None:
    accepted(shop, amount=777_777)
    page = text_of(browser_of("nobody"), "/admin/")
    assert "Your account may not see payments." in page
    assert "Work queues" not in page


def test_the_side_bar_shows_only_what_the_user_may_see(operator: Browser) -> None:
    page = text_of(operator, "/admin/")
    assert "/admin/payments/ledgerposting/" in page
    assert "/admin/auth/user/" not in page
    administrator = text_of(browser_of("root", is_superuser=True), "/admin/")
    assert "/admin/auth/user/" in administrator


@pytest.mark.parametrize("url", ["/admin/", "/admin/login/", "/admin/payments/payment/"])
def test_every_page_forbids_other_origins_and_frames(operator: Browser, url: str) -> None:
    response = (Browser() if "login" in url else operator).get(url)
    assert response.status_code == 200
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in policy
    assert response["X-Frame-Options"] == "DENY"


def test_pages_load_nothing_from_elsewhere(operator: Browser) -> None:
    for page in (text_of(operator, "/admin/"), text_of(Browser(), "/admin/login/")):
        for part in page.split("<")[1:]:
            tag = part.partition(">")[0]
            if tag.startswith(("script", "link", "img", "iframe")):
                assert "//" not in tag, tag


def test_a_login_leads_to_the_front_page(db: None) -> None:
    User.objects.create_user("anna", password="a-long-one-91", is_staff=True)
    browser = Browser()
    response = browser.post("/admin/login/?next=/admin/", {"username": "anna", "password": "a-long-one-91"})
    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_a_user_who_is_not_staff_does_not_get_in(db: None) -> None:
    User.objects.create_user("eve", password="a-long-one-91")
    browser = Browser()
    page = browser.post("/admin/login/", {"username": "eve", "password": "a-long-one-91"}).content.decode()
    assert "staff account" in page
    assert browser.get("/admin/").status_code == 302


@pytest.mark.parametrize(("demo", "label"), [(True, "Demo"), (False, "Production")])
def test_the_page_says_whether_it_is_the_demo(operator: Browser, settings: Any, demo: bool, label: str) -> None:
    settings.DEMO = demo
    header = text_of(operator, "/admin/").partition('id="header-inner"')[2]
    assert label in header[:4000]
