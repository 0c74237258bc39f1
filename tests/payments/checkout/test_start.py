"""POST /checkout/start: what a signed form leads to, and every form that is refused (B82–B88, B99, B108, B116)."""

import json
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, Order
from tests.payments.checkout.conftest import LINES, Pay, heard_from_gateway, nothing_was_written, signed, unsigned

pytestmark = pytest.mark.django_db


def lines(*items: object) -> str:
    return json.dumps(items)


MUG = {"name": "Mug", "quantity": 1, "amount": "12.50"}

# (what is changed in a right form before it is signed, the field that is named, words of the reason)
REFUSED: list[tuple[dict[str, str | None], str, str]] = [
    ({"client": None}, "client", "is missing"),
    ({"orderID": None}, "orderID", "is missing"),
    ({"orderID": ""}, "orderID", "is missing"),
    ({"amount": None}, "amount", "is missing"),
    ({"currency": None}, "currency", "is missing"),
    ({"returnURL": None}, "returnURL", "is missing"),
    ({"timestamp": None}, "timestamp", "is missing"),
    ({"client": "no-such-shop"}, "signature", "does not match"),
    ({"timestamp": "1700000000"}, "timestamp", "older than 60 minutes"),
    ({"timestamp": "9999999999"}, "timestamp", "future"),
    ({"timestamp": "NaN"}, "timestamp", "whole seconds"),
    ({"timestamp": "-1"}, "timestamp", "whole seconds"),
    ({"timestamp": "1e9"}, "timestamp", "whole seconds"),
    ({"timestamp": "٣٤٥"}, "timestamp", "whole seconds"),
    ({"timestamp": "9" * 13}, "timestamp", "whole seconds"),
    ({"orderID": "a" * 65}, "orderID", "1 to 64"),
    ({"orderID": "order 1"}, "orderID", "1 to 64"),
    ({"orderID": "-1"}, "orderID", "1 to 64"),
    ({"orderID": "order\u202e1"}, "orderID", "1 to 64"),
    ({"orderID": "order\u200b1"}, "orderID", "1 to 64"),
    ({"orderID": "order\r\n1"}, "orderID", "line ends"),
    ({"orderID": "order\x001"}, "orderID", "control characters"),
    ({"customerID": "x y"}, "customerID", "1 to 64"),
    ({"amount": "0"}, "amount", "between 0.50 USD and 999999.99 USD"),
    ({"amount": "0.49"}, "amount", "between"),
    ({"amount": "1000000.00"}, "amount", "between"),
    ({"amount": "-12.50"}, "amount", "between"),
    ({"amount": "+12.50"}, "amount", "plain decimal"),
    ({"amount": "1e3"}, "amount", "plain decimal"),
    ({"amount": "12,50"}, "amount", "plain decimal"),
    ({"amount": " 12.50"}, "amount", "plain decimal"),
    ({"amount": "NaN"}, "amount", "plain decimal"),
    ({"amount": "10.005"}, "amount", "2 decimals"),
    ({"amount": "9" * 5000}, "amount", "plain decimal"),
    ({"amount": "100.00", "currency": "JPY"}, "amount", "0 decimals"),
    ({"amount": "1.2345", "currency": "KWD"}, "amount", "3 decimals"),
    ({"currency": "usd"}, "currency", "Enabled: CHF"),
    ({"currency": "XXX"}, "currency", "Enabled: CHF"),
    ({"currency": "BRL"}, "currency", "Enabled: CHF"),
    ({"currency": "USD\n"}, "currency", "line ends"),
    ({"returnURL": "https://evil.test/"}, "returnURL", "registered"),
    ({"returnURL": "javascript:alert(1)"}, "returnURL", "whole web address"),
    ({"returnURL": "https://shop.test@evil.test/"}, "returnURL", "user name"),
    ({"customerEmail": "anna"}, "customerEmail", "e-mail address"),
    ({"customerEmail": "anna@shop.test\r\nBcc: eve@evil.test"}, "customerEmail", "line ends"),
    ({"customerEmail": "anna@shöp.test"}, "customerEmail", "e-mail address"),
    ({"customerEmail": "a" * 250 + "@shop.test"}, "customerEmail", "e-mail address"),
    ({"customerName": "A" * 101}, "customerName", "longer than 100"),
    ({"customerName": "A" * 20_001}, "customerName", "longer than 20000"),
    ({"customerName": "\u202eannA"}, "customerName", "invisible"),
    ({"customerName": "Z" + "\u0335" * 1000}, "customerName", "longer than 100"),
    ({"customerName": "Z" + "\u0335" * 50}, "customerName", "accents"),
    ({"description": "A" * 121}, "description", "longer than 120"),
    ({"description": "Mug", "lines": LINES}, "description", "one of the two"),
    ({"lines": "no JSON"}, "lines", "must be JSON"),
    ({"lines": "[" * 6000}, "lines", "must be JSON"),
    ({"lines": "[]"}, "lines", "1 to 50"),
    ({"lines": '{"name": "Mug"}'}, "lines", "1 to 50"),
    ({"lines": lines(*[MUG] * 51)}, "lines", "1 to 50"),
    ({"lines": lines("Mug")}, "lines", "line 1: needs name"),
    ({"lines": lines(MUG, {"name": "Mug"})}, "lines", "line 2: needs name"),
    ({"lines": lines({**MUG, "cvc": "123"})}, "lines", "nothing else"),
    ({"lines": lines({**MUG, "name": " "})}, "lines", "line 1: name"),
    ({"lines": lines({**MUG, "name": "\ud800"})}, "lines", "invisible"),
    ({"lines": lines({**MUG, "quantity": True})}, "lines", "whole number"),
    ({"lines": lines({**MUG, "quantity": 1.0})}, "lines", "whole number"),
    ({"lines": lines({**MUG, "quantity": 0})}, "lines", "whole number"),
    ({"lines": lines({**MUG, "amount": 12.5})}, "lines", "decimal text"),
    ({"lines": lines({**MUG, "amount": "12.505"})}, "lines", "2 decimals"),
    ({"lines": lines(MUG, MUG)}, "lines", "add up to 25.00 USD, but the amount is 12.50 USD"),
    ({"cvc": "123"}, "cvc", "not a field"),
    ({"status": "success"}, "status", "not a field"),
]


@pytest.mark.parametrize(("change", "field", "reason"), REFUSED, ids=lambda value: str(value)[:60])
def test_a_bad_form_is_refused_by_name_and_nothing_is_written(
    shop: Client, browser: Browser, change: dict[str, str | None], field: str, reason: str
) -> None:
    reply = browser.post("/checkout/start", signed(**change))

    assert reply.status_code == 400
    assert [wrong.field for wrong in reply.context["refusal"].problems] == [field]
    assert reason in reply.context["refusal"].problems[0].reason
    assert "Nothing was charged" in reply.content.decode()
    assert nothing_was_written()


def test_a_form_is_too_old_one_second_after_sixty_minutes(shop: Client, browser: Browser) -> None:
    reply = browser.post("/checkout/start", signed(timestamp=str(int(time.time()) - 3601)))

    assert reply.status_code == 400
    assert "older than 60 minutes" in reply.context["refusal"].problems[0].reason
    assert nothing_was_written()


@pytest.mark.parametrize("name", ["amount", "currency", "orderID", "returnURL", "timestamp", "client"])
def test_a_form_changed_after_it_was_signed_is_refused(shop: Client, browser: Browser, name: str) -> None:
    Client.objects.create(slug="other", name="Other", form_secret="other-secret")
    others = {"amount": "1.00", "currency": "EUR", "orderID": "order-2", "client": "other", "timestamp": "1"}
    changed = {**signed(), name: others.get(name, "https://shop.test/other")}

    reply = browser.post("/checkout/start", changed)

    assert reply.status_code == 400
    assert [wrong.field for wrong in reply.context["refusal"].problems] == ["signature"]
    assert nothing_was_written()


def test_a_field_added_after_signing_is_refused(shop: Client, browser: Browser) -> None:
    assert browser.post("/checkout/start", {**signed(), "customerName": "Eve"}).status_code == 400
    assert nothing_was_written()


def test_a_form_without_signature_is_refused(shop: Client, browser: Browser) -> None:
    reply = browser.post("/checkout/start", unsigned())
    assert [wrong.field for wrong in reply.context["refusal"].problems] == ["signature"]
    assert nothing_was_written()


def test_a_field_that_is_there_twice_is_refused(shop: Client, browser: Browser) -> None:
    form: dict[str, object] = {**signed(), "amount": ["12.50", "1.00"]}
    reply = browser.post("/checkout/start", form)
    assert [wrong.reason for wrong in reply.context["refusal"].problems] == ["is there more than once."]
    assert nothing_was_written()


def test_a_file_is_refused(shop: Client, browser: Browser) -> None:
    form: dict[str, object] = {**signed(), "amount": SimpleUploadedFile("amount", b"12.50")}
    assert browser.post("/checkout/start", form).status_code == 400
    assert nothing_was_written()


def test_an_inactive_shop_is_refused_like_an_unknown_one(shop: Client, browser: Browser) -> None:
    Client.objects.update(is_active=False)
    reply = browser.post("/checkout/start", signed())
    assert [wrong.field for wrong in reply.context["refusal"].problems] == ["signature"]
    assert nothing_was_written()


def test_several_wrong_fields_are_all_named(shop: Client, browser: Browser) -> None:
    reply = browser.post("/checkout/start", signed(orderID="a b", returnURL="https://evil.test/", amount="x"))
    named = {wrong.field for wrong in reply.context["refusal"].problems}
    assert named == {"orderID", "returnURL", "amount"}


def test_what_is_refused_is_shown_as_text(shop: Client, browser: Browser) -> None:
    page = browser.post("/checkout/start", {**signed(), "<script>alert(1)</script>": "x"}).content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "patch", "options"])
def test_only_a_posted_form_is_taken(shop: Client, browser: Browser, method: str) -> None:
    reply = getattr(browser, method)("/checkout/start")
    assert (reply.status_code, reply.headers["Allow"]) == (405, "POST")
    assert nothing_was_written()


def test_a_right_form_makes_order_and_session(shop: Client, browser: Browser) -> None:
    reply = browser.post(
        "/checkout/start",
        signed(lines=LINES, customerName="Anna Nu\u0301n\u0303ez", customerEmail="a@b.test", customerID="c-7"),
    )

    session, order = CheckoutSession.objects.get(), Order.objects.get()
    assert (reply.status_code, reply.headers["Location"]) == (303, f"/checkout/{session.token}")
    assert (order.client, order.reference, order.amount, order.currency) == (shop, "order-1", 1250, "USD")
    assert (order.customer_name, order.customer_email) == ("Anna Núñez", "a@b.test")
    assert order.customer_reference == "c-7"
    assert order.lines == [
        {"name": "Mug", "quantity": 2, "amount": "20.00"},
        {"name": "Discount", "quantity": 1, "amount": "-7.50"},
    ]
    assert (session.order, session.client, session.submission) == (order, shop, 1)
    assert session.return_url == "https://shop.test/thanks?lang=en#top"
    assert 47.9 < (session.expires_at - session.created_at).total_seconds() / 3600 < 48.1


@pytest.mark.parametrize(("amount", "currency", "minor"), [("1250", "JPY", 1250), ("1.250", "KWD", 1250)])
def test_currencies_with_no_and_three_decimals_are_exact(
    shop: Client, browser: Browser, amount: str, currency: str, minor: int
) -> None:
    assert browser.post("/checkout/start", signed(amount=amount, currency=currency)).status_code == 303
    assert (Order.objects.get().amount, Order.objects.get().currency) == (minor, currency)


def test_a_description_becomes_the_only_line(shop: Client, browser: Browser) -> None:
    browser.post("/checkout/start", signed(description="Two mugs"))
    assert Order.objects.get().lines == [{"name": "Two mugs", "quantity": 1, "amount": "12.50"}]


def test_the_same_form_twice_leads_to_the_same_session(shop: Client, browser: Browser) -> None:
    form = signed()
    first, second = browser.post("/checkout/start", form), browser.post("/checkout/start", form)
    assert first.headers["Location"] == second.headers["Location"]
    assert (Order.objects.count(), CheckoutSession.objects.count()) == (1, 1)


def test_the_same_order_after_the_session_expired_gets_a_new_session(
    session: CheckoutSession, browser: Browser
) -> None:
    CheckoutSession.objects.update(expires_at="2020-01-01T00:00:00Z")
    reply = browser.post("/checkout/start", signed())
    assert reply.headers["Location"] != f"/checkout/{session.token}"
    assert (Order.objects.count(), CheckoutSession.objects.count()) == (1, 2)


@pytest.mark.parametrize("change", [{"amount": "12.51"}, {"currency": "EUR"}])
def test_the_same_order_with_another_amount_is_refused(
    session: CheckoutSession, browser: Browser, change: dict[str, str]
) -> None:
    reply = browser.post("/checkout/start", signed(**change))
    assert reply.status_code == 400
    assert "This order has another amount" in reply.content.decode()
    assert (Order.objects.get().amount, Order.objects.get().currency) == (1250, "USD")
    assert CheckoutSession.objects.count() == 1


def test_two_shops_may_use_the_same_order_number(session: CheckoutSession, browser: Browser) -> None:
    Client.objects.create(slug="two", name="Two", form_secret="two-secret", return_origins=["https://two.test"])
    reply = browser.post(
        "/checkout/start", signed("two-secret", client="two", amount="3.00", returnURL="https://two.test/")
    )
    assert reply.status_code == 303
    assert Order.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_paid_order_goes_straight_to_its_status(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.SUCCEEDED)
    reply = browser.post("/checkout/start", signed())
    assert reply.headers["Location"] == f"/checkout/{session.token}/status"


def test_no_cookie_is_needed_or_set(shop: Client) -> None:
    reply = Browser(enforce_csrf_checks=True).post("/checkout/start", signed())
    assert reply.status_code == 303
    assert not reply.cookies
