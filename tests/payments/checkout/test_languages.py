"""The language of messages: the shop's word, else the browser's, else English (requirement G7, bad input B117)."""

import pytest
from django.test import Client as Browser

from payments.checkout.languages import known, of_browser
from payments.models import Client, Order
from tests.payments.checkout.conftest import LINES, nothing_was_written, signed

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *(("de", "de"), ("DE-at", "de"), ("en-GB", "en"), ("", ""), ("fr", ""), ("deutsch", "")),
        *(("../../etc/passwd", ""), ("d" * 5000, ""), ("de_DE", ""), ("\u0001", "")),
    ],
)
def test_an_unknown_language_is_the_default(code: str, language: str) -> None:
    assert known(code) == language


@pytest.mark.parametrize(
    ("header", "language"),
    [
        *(("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,en;q=0.5,de;q=0.9", "de"), ("fr", ""), ("", ""), ("*", "")),
        *(("../;q=1", ""), ("de;q=nonsense", ""), ("de," * 1000, ""), ("EN", "en")),
    ],
)
def test_a_browsers_wishes_are_read_in_their_order(header: str, language: str) -> None:
    assert of_browser(header) == language


@pytest.mark.parametrize(
    ("named", "header", "expected"),
    [("de", "en", "de"), ("", "de", "de"), ("../", "de", "de"), ("", "fr", ""), ("en", "de", "en")],
)
def test_the_order_keeps_the_language(shop: Client, browser: Browser, named: str, header: str, expected: str) -> None:
    fields = {"customerLanguage": named} if named else {}
    reply = browser.post("/checkout/start", signed(lines=LINES, **fields), headers={"Accept-Language": header})
    assert (reply.status_code, Order.objects.get().customer_language) == (303, expected)


def test_a_telephone_number_is_kept(shop: Client, browser: Browser) -> None:
    browser.post("/checkout/start", signed(lines=LINES, customerPhone="+4915112345678"))
    assert Order.objects.get().customer_phone == "+4915112345678"


@pytest.mark.parametrize(
    "number",
    ["015112345678", "+0151123456", "+49 151 1234567", "+49151", "+1234567890123456", "+4915x", "+٤٩١٥١١٢٣٤٥"],
)
def test_what_is_no_telephone_number_is_refused_by_name(shop: Client, browser: Browser, number: str) -> None:
    reply = browser.post("/checkout/start", signed(lines=LINES, customerPhone=number))
    assert reply.status_code == 400
    assert "customerPhone" in reply.content.decode()
    assert "+4915123456789" in reply.content.decode()
    assert nothing_was_written()
