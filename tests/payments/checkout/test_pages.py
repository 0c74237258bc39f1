"""The checkout page, the confirmation without JavaScript, and what both refuse."""

import pytest
from django.conf import settings
from django.db import OperationalError
from django.test import Client as Browser
from pytest_django import Settings

from payments.checkout import sessions
from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, Order, Payment
from tests.payments.checkout.conftest import Pay, heard_from_gateway

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN = "chk_" + "A" * 32


def text_of(browser: Browser, path: str) -> str:
    return browser.get(path).content.decode()


def test_the_page_shows_the_shop_what_is_bought_and_the_amount(session: CheckoutSession, browser: Browser) -> None:
    page = text_of(browser, f"/checkout/{session.token}")
    for words in (
        "Shop",
        "Mug",
        "× 2",
        "20.00 USD",
        "−7.50 USD",
        "12.50 USD",
        "order-1",
        "Anna",
        "Pay 12.50 USD",
        "(shop.test)",
    ):
        assert words in page


def test_the_card_is_typed_at_the_gateways_origin(session: CheckoutSession, browser: Browser) -> None:
    gateway = settings.GATEWAYS[0]["origin"]
    entry = browser.get(f"/checkout/{session.token}").context["entry"]
    assert entry.origin == gateway
    assert entry.fields_url == f"{gateway}/fields?origin=http%3A%2F%2Ftestserver"
    back = f"http%3A%2F%2Ftestserver%2Fcheckout%2F{session.token}%2Fcard"
    assert entry.hosted_url == f"{gateway}/card?return_url={back}&amount=1250&currency=USD"


def test_no_input_for_card_data_is_on_our_page(session: CheckoutSession, browser: Browser) -> None:
    page = text_of(browser, f"/checkout/{session.token}")
    assert page.count("<input") == page.count('<input type="hidden"') == 3


def test_what_the_shop_wrote_is_shown_as_text(session: CheckoutSession, browser: Browser) -> None:
    hostile = "<script>alert(1)</script>{{7*7}}"
    Order.objects.update(customer_name=hostile, lines=[{"name": hostile, "quantity": 1, "amount": "12.50"}])
    page = text_of(browser, f"/checkout/{session.token}")
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;{{7*7}}") == 2


@pytest.mark.parametrize("page", ["", "/card?token=tok_1&brand=visa&last4=4242", "/status", "/status.json"])
@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(session: CheckoutSession, browser: Browser, page: str, method: str) -> None:
    before = CheckoutSession.objects.values().get()
    assert getattr(browser, method)(f"/checkout/{session.token}{page}").status_code in {200, 303}
    assert CheckoutSession.objects.values().get() == before
    assert not Payment.objects.exists()


@pytest.mark.parametrize("page", ["", "/card", "/status", "/status.json"])
def test_an_unknown_token_is_a_friendly_404(db: None, browser: Browser, page: str) -> None:
    reply = browser.get(f"/checkout/{UNKNOWN}{page}")
    assert reply.status_code == 404
    assert "We do not know this checkout page" in reply.content.decode()


def test_paying_under_an_unknown_token_is_a_friendly_404(shop: Client, browser: Browser) -> None:
    reply = browser.post(f"/checkout/{UNKNOWN}/pay", {"submission": 1, "token": "tok_success"})
    assert reply.status_code == 404
    assert not Payment.objects.exists()


@pytest.mark.parametrize("path", ["/checkout/chk_short", "/checkout/", "/checkout/%00", "/checkout/return/pay_%00"])
def test_what_cannot_be_a_token_is_a_friendly_404(db: None, browser: Browser, path: str) -> None:
    reply = browser.get(path)
    assert reply.status_code == 404
    assert "There is no such page" in reply.content.decode()


@pytest.mark.parametrize("path", ["", "/card?token=tok_1&brand=visa&last4=4242"], ids=["checkout page", "confirmation"])
def test_an_expired_session_is_refused_with_a_way_back(session: CheckoutSession, browser: Browser, path: str) -> None:
    CheckoutSession.objects.update(expires_at="2020-01-01T00:00:00Z")
    reply = browser.get(f"/checkout/{session.token}{path}")
    assert reply.status_code == 410
    assert "Nothing was charged" in reply.content.decode()
    assert 'href="https://shop.test/thanks?lang=en#top"' in reply.content.decode()


@pytest.mark.parametrize("method", ["put", "delete", "patch", "options", "trace", "post"])
@pytest.mark.parametrize("page", ["", "/card", "/status", "/status.json"])
def test_pages_answer_get_only(session: CheckoutSession, browser: Browser, method: str, page: str) -> None:
    reply = getattr(browser, method)(f"/checkout/{session.token}{page}")
    assert (reply.status_code, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["get", "head", "put"])
def test_paying_answers_post_only(session: CheckoutSession, browser: Browser, method: str) -> None:
    reply = getattr(browser, method)(f"/checkout/{session.token}/pay", headers={"X-HTTP-Method-Override": "POST"})
    assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")
    assert not Payment.objects.exists()


PAGES = ["", "/status", "/status.json", "/card?token=tok_1&brand=visa&last4=4242"]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("token", [None, UNKNOWN], ids=["known", "unknown"])
def test_every_page_has_the_safe_headers(
    session: CheckoutSession, browser: Browser, page: str, token: str | None
) -> None:
    headers = browser.get(f"/checkout/{token or session.token}{page}").headers
    policy = headers["Content-Security-Policy"].split("; ")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "frame-src " + " ".join(gateway["origin"] for gateway in settings.GATEWAYS) in policy
    assert "unsafe" not in headers["Content-Security-Policy"]


def test_without_gateways_nothing_may_be_embedded(session: CheckoutSession, settings: Settings) -> None:
    settings.GATEWAYS = []
    policy = Browser().get(f"/checkout/{session.token}/status").headers["Content-Security-Policy"]
    assert "frame-src 'none'" in policy.split("; ")


@pytest.mark.parametrize("page", ["", "/card?token=tok_1&brand=visa&last4=4242"])
def test_no_page_has_inline_script_or_style(session: CheckoutSession, browser: Browser, page: str) -> None:
    text = text_of(browser, f"/checkout/{session.token}{page}")
    assert text.count("<script") == text.count("<script src=") == 1
    assert "<style" not in text
    assert " style=" not in text
    assert " onclick=" not in text


def test_the_confirmation_shows_brand_and_last_four_digits(session: CheckoutSession, browser: Browser) -> None:
    page = text_of(browser, f"/checkout/{session.token}/card?token=tok_k1&brand=visa&last4=4242")
    assert "Visa" in page
    assert "<strong>4242</strong>" in page
    assert '<input type="hidden" name="token" value="tok_k1">' in page


@pytest.mark.parametrize(
    "query",
    [
        "",
        "token=&brand=visa&last4=4242",
        "token=4242424242424242&brand=visa&last4=4242",
        "token=tok_1&brand=<b>&last4=4242",
        "token=tok_1&brand=visa&last4=42424",
        "token=tok_1&brand=visa&last4=%D9%A4%D9%A2%D9%A4%D9%A2",
        "token=tok_1%00&brand=visa&last4=4242",
    ],
)
def test_what_is_no_card_is_not_confirmed(session: CheckoutSession, browser: Browser, query: str) -> None:
    reply = browser.get(f"/checkout/{session.token}/card?{query}")
    assert reply.status_code == 400
    assert "The card did not arrive" in reply.content.decode()
    assert f'href="/checkout/{session.token}"' in reply.content.decode()


def test_while_a_payment_is_live_the_checkout_page_leads_to_its_status(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    for page in ("", "/card?token=tok_1&brand=visa&last4=4242"):
        reply = browser.get(f"/checkout/{session.token}{page}")
        assert (reply.status_code, reply.headers["Location"]) == (303, f"/checkout/{session.token}/status")


def test_after_a_decline_the_checkout_page_says_so_and_asks_for_the_next_submission(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    heard_from_gateway(Kind.DECLINED, decline_code="insufficient_funds", message="51 NSF internal")
    page = text_of(browser, f"/checkout/{session.token}")
    assert "Your card has insufficient funds. You were not charged." in page
    assert '<input type="hidden" name="submission" value="2">' in page
    assert "NSF" not in page


def test_a_host_that_is_not_ours_is_refused(session: CheckoutSession) -> None:
    reply = Browser().get(f"/checkout/{session.token}", headers={"Host": "evil.test"})
    assert reply.status_code == 400
    assert "This request cannot be read" in reply.content.decode()


def test_while_the_database_is_away_the_page_says_so_kindly(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(sessions, "find", away)
    response = Browser().get("/checkout/chk_" + "a" * 32 + "/status")
    assert (response.status_code, response["Retry-After"]) == (503, "5")
    assert "you will not be charged twice" in response.content.decode()
