"""The demo shop: products, cart, and the signed form that sends the customer to the checkout page."""

import re
from pathlib import Path

import pytest
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from payments.checkout.languages import LANGUAGES
from payments.gateways.base import Kind
from payments.models import CheckoutSession, Client, Order, Payment
from paysite.demo.catalogue import CURRENCIES, PRODUCTS
from paysite.demo.forms import LANGUAGE_NAMES
from paysite.demo.order_form import customer_number
from paysite.demo.seed import SHOP_SLUG
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db

PAGES = ["/shop/", "/shop/cart", "/shop/order", "/shop/thanks"]


@pytest.fixture
def demo_shop(db: None, settings: Settings) -> Client:
    return Client.objects.create(
        slug=SHOP_SLUG, name="Demo shop", form_secret="demo-secret", return_origins=[settings.PUBLIC_URL]
    )


@pytest.fixture
def visitor(demo_shop: Client) -> Browser:
    return Browser()


def text_of(visitor: Browser, path: str) -> str:
    reply = visitor.get(path)
    assert reply.status_code == 200
    return re.sub(r"\s+", " ", reply.content.decode())


def to_the_order(visitor: Browser, **details: str) -> dict[str, str]:
    """Go from the cart to the order page and return the fields of its form."""
    reply = visitor.post("/shop/details", {"name": "Anna", "email": "anna@shop.test", **details})
    assert (reply.status_code, reply.headers["Location"]) == (302, "/shop/order")
    fields: dict[str, str] = visitor.get("/shop/order").context["fields"]
    return fields


def test_the_shop_shows_every_product_with_its_price(visitor: Browser) -> None:
    page = text_of(visitor, "/shop/")
    for product in PRODUCTS.values():
        assert product.name in page
        assert product.price_text("USD") in page


def test_every_product_has_a_picture() -> None:
    pictures = Path(__file__).parents[3] / "paysite" / "static" / "shop"
    assert [sku for sku in PRODUCTS if not (pictures / f"{sku}.svg").exists()] == []


@pytest.mark.parametrize(
    ("currency", "price", "total"),
    [("USD", "18.00 USD", "36.00 USD"), ("JPY", "2,800 JPY", "5,600 JPY"), ("KWD", "5.500 KWD", "11.000 KWD")],
)
def test_prices_are_exact_in_currencies_with_two_no_and_three_decimals(
    visitor: Browser, currency: str, price: str, total: str
) -> None:
    visitor.post("/shop/currency", {"currency": currency})
    visitor.post("/shop/cart/change", {"sku": "mug", "quantity": "2"})
    assert price in text_of(visitor, "/shop/")
    assert total in text_of(visitor, "/shop/cart")


def test_pieces_are_added_changed_and_removed(visitor: Browser) -> None:
    for _ in range(2):
        assert visitor.post("/shop/cart/change", {"sku": "mug"}).headers["Location"] == "/shop/?added=mug"
    assert visitor.get("/shop/cart").context["cart"].count == 2
    visitor.post("/shop/cart/change", {"sku": "tea", "quantity": "3"})
    assert visitor.get("/shop/cart").context["cart"].total == 2 * 1800 + 3 * 975
    visitor.post("/shop/cart/change", {"sku": "mug", "quantity": "0"})
    assert [line.product.sku for line in visitor.get("/shop/cart").context["cart"].lines] == ["tea"]


@pytest.mark.parametrize(
    "form", [{}, {"sku": "car"}, {"sku": "mug", "quantity": "-1"}, {"sku": "mug", "quantity": "x"}, {"sku": "\x00"}]
)
def test_a_strange_change_changes_nothing(visitor: Browser, form: dict[str, str]) -> None:
    assert visitor.post("/shop/cart/change", form).headers["Location"] == "/shop/cart"
    assert visitor.get("/shop/cart").context["cart"].count == 0


def test_a_strange_currency_changes_nothing(visitor: Browser) -> None:
    visitor.post("/shop/currency", {"currency": "XXX"})
    assert visitor.get("/shop/").context["cart"].currency == CURRENCIES[0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("name", ""), ("name", "A" * 101), ("name", "\u202eannA"), ("email", "anna"), ("email", "anna@shöp.test")),
        *(("phone", "0151 23456789"), ("phone", "+49"), ("phone", "+49-151-23456789"), ("phone", "+4915123456789012")),
        *(("phone", "++4915123456789"), ("phone", "\u0662" * 9), ("language", "fr"), ("language", "DE")),
    ],
)
def test_details_that_the_checkout_would_refuse_are_refused_here(visitor: Browser, field: str, value: str) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    reply = visitor.post("/shop/details", {"name": "Anna", "email": "anna@shop.test", field: value})
    assert reply.status_code == 400
    assert list(reply.context["form"].errors) == [field]
    assert visitor.get("/shop/order").headers["Location"] == "/shop/cart"


def test_an_empty_cart_makes_no_order(visitor: Browser) -> None:
    reply = visitor.post("/shop/details", {"name": "Anna", "email": "anna@shop.test"})
    assert reply.headers["Location"] == "/shop/cart"


@pytest.mark.parametrize("currency", CURRENCIES)
def test_the_signed_form_opens_a_checkout_of_the_same_amount(visitor: Browser, currency: str) -> None:
    visitor.post("/shop/currency", {"currency": currency})
    for sku in ("mug", "lamp"):
        visitor.post("/shop/cart/change", {"sku": sku, "quantity": "2"})
    fields = to_the_order(visitor, name='O\'Néill & "Søn" <b>')

    reply = Browser().post("/checkout/start", fields)

    assert reply.status_code == 303
    order = Order.objects.get()
    assert (order.amount, order.currency) == (visitor.get("/shop/cart").context["cart"].total, currency)
    assert order.customer_name == 'O\'Néill & "Søn" <b>'
    assert [line["name"] for line in order.lines] == ["Stoneware mug", "Reading lamp"]


@pytest.mark.parametrize("language", ["en", "de"])
def test_telephone_number_and_language_are_signed_and_kept_with_the_order(visitor: Browser, language: str) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    fields = to_the_order(visitor, phone=" +49 151 23456789", language=language)
    assert (fields["customerPhone"], fields["customerLanguage"]) == ("+4915123456789", language)

    forged = Browser().post("/checkout/start", {**fields, "customerPhone": "+4915100000000"})
    assert (forged.status_code, Order.objects.exists()) == (400, False)
    assert Browser().post("/checkout/start", fields).status_code == 303

    order = Order.objects.get()
    assert (order.customer_phone, order.customer_language) == ("+4915123456789", language)


def test_without_telephone_number_and_language_neither_is_posted(visitor: Browser) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    fields = to_the_order(visitor)
    assert not {"customerPhone", "customerLanguage"} & set(fields)
    assert Browser().post("/checkout/start", fields).status_code == 303
    assert Order.objects.get().customer_phone == ""


def test_another_telephone_number_is_another_order(visitor: Browser) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    first = to_the_order(visitor, phone="+4915123456789", language="en")["orderID"]
    assert to_the_order(visitor, phone="+4915123456789", language="en")["orderID"] == first
    assert to_the_order(visitor, phone="+4915123456780", language="en")["orderID"] != first
    assert to_the_order(visitor, phone="+4915123456789", language="de")["orderID"] != first


@pytest.mark.parametrize(
    ("header", "chosen"), [("", "en"), ("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,en;q=0.5", "en"), ("fr", "en")]
)
def test_the_language_is_the_browsers_until_one_is_chosen(visitor: Browser, header: str, chosen: str) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    browser = {"Accept-Language": header} if header else {}
    page = visitor.get("/shop/cart", headers=browser).content.decode()
    assert f'<option value="{chosen}" selected>' in page
    assert "such as +4915123456789." in page
    to_the_order(visitor, phone="+4915123456789", language="de")
    page = visitor.get("/shop/cart", headers=browser).content.decode()
    assert '<option value="de" selected>Deutsch</option>' in page
    assert 'value="+4915123456789"' in page
    order = text_of(visitor, "/shop/order")
    assert "anna@shop.test, +4915123456789. Order" in order
    assert "Language of messages: Deutsch." in order


def test_every_language_of_messages_is_offered() -> None:
    assert tuple(LANGUAGE_NAMES) == LANGUAGES


@pytest.mark.parametrize("path", ["/shop/", "/shop/cart", "/shop/thanks"])
def test_every_page_leads_to_both_inboxes(visitor: Browser, settings: Settings, path: str) -> None:
    page = text_of(visitor, path)
    assert '<a href="/inbox/">Messages to customers and the team</a>' in page
    assert f'<a href="{settings.DEMO_INBOX_URL}">What Paysite tells this shop</a>' in page


def test_the_form_goes_to_the_checkout_page_of_this_site(visitor: Browser, settings: Settings) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    to_the_order(visitor)
    page = text_of(visitor, "/shop/order")
    assert f'<form method="post" action="{settings.PUBLIC_URL}/checkout/start">' in page


def test_the_same_cart_is_the_same_order_and_a_changed_one_another(visitor: Browser) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    first = to_the_order(visitor)["orderID"]
    assert to_the_order(visitor)["orderID"] == first
    visitor.post("/shop/cart/change", {"sku": "mug"})
    assert visitor.get("/shop/order").headers["Location"] == "/shop/cart"
    assert to_the_order(visitor)["orderID"] != first


def test_the_form_is_signed_with_the_shops_secret_and_never_shows_it(visitor: Browser, demo_shop: Client) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    to_the_order(visitor)
    assert demo_shop.form_secret not in text_of(visitor, "/shop/order")
    Client.objects.update(form_secret="another")
    assert Browser().post("/checkout/start", visitor.get("/shop/order").context["fields"]).status_code == 303


def ordered(visitor: Browser, demo_shop: Client, kind: Kind) -> Payment:
    """Order a mug and let the gateway answer for its payment."""
    visitor.post("/shop/cart/change", {"sku": "mug"})
    reference = to_the_order(visitor)["orderID"]
    return after(sent(demo_shop, amount=1800, order=reference), kind, decline_code="expired_card")


def test_a_paid_order_is_thanked_for_and_the_cart_is_empty(visitor: Browser, demo_shop: Client) -> None:
    payment = ordered(visitor, demo_shop, Kind.SUCCEEDED)
    page = text_of(visitor, f"/shop/thanks?orderID={payment.order.reference}&paymentID={payment.pk}")
    assert f"Order {payment.order.reference} is paid." in page
    assert visitor.get("/shop/cart").context["cart"].count == 0


def test_an_accepted_order_is_not_called_paid_and_is_no_longer_in_the_cart(visitor: Browser, demo_shop: Client) -> None:
    payment = ordered(visitor, demo_shop, Kind.NOT_SENT)
    Payment.objects.filter(pk=payment.pk).update(level=4, queued_at=timezone.now())
    page = text_of(visitor, f"/shop/thanks?orderID={payment.order.reference}&paymentID={payment.pk}")
    assert "Your order is accepted" in page
    assert f"Order {payment.order.reference} is not paid yet: the payment is taken later" in page
    assert visitor.get("/shop/cart").context["cart"].count == 0


def test_who_comes_back_unpaid_goes_on_to_payment_with_the_same_order(visitor: Browser, demo_shop: Client) -> None:
    payment = ordered(visitor, demo_shop, Kind.DECLINED)
    page = text_of(visitor, f"/shop/thanks?orderID={payment.order.reference}&paymentID={payment.pk}")
    assert '<a class="button" href="/shop/order">Go on to payment</a>' in page
    assert payment.order.reference in text_of(visitor, "/shop/order")
    assert "Go on to payment" not in text_of(Browser(), "/shop/thanks")


def test_the_shop_knows_its_customers_by_their_address(visitor: Browser) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    first = to_the_order(visitor)["customerID"]
    assert re.fullmatch("c-[0-9a-f]{16}", first)
    assert customer_number(" Anna@Shop.test ") == customer_number("anna@shop.test")
    assert customer_number("anna@shop.test") != customer_number("bert@shop.test")


def test_an_order_that_is_not_paid_keeps_its_cart_whatever_the_address_says(
    visitor: Browser, demo_shop: Client
) -> None:
    payment = ordered(visitor, demo_shop, Kind.DECLINED)
    page = text_of(visitor, f"/shop/thanks?orderID={payment.order.reference}&paymentID={payment.pk}&status=success")
    assert "It is not paid yet." in page
    assert visitor.get("/shop/cart").context["cart"].count == 1


@pytest.mark.parametrize("query", ["", "?orderID=%00&paymentID=%00", "?orderID=x&paymentID=' OR 1=1", "?paymentID=%ff"])
def test_a_strange_return_is_answered_kindly(visitor: Browser, query: str) -> None:
    assert "It is not paid yet." in text_of(visitor, f"/shop/thanks{query}")


def test_another_shops_payment_is_not_looked_up(visitor: Browser) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    payment = after(sent(other), Kind.SUCCEEDED)
    assert "It is not paid yet." in text_of(visitor, f"/shop/thanks?orderID=order-1&paymentID={payment.pk}")


def test_before_it_is_seeded_the_shop_says_what_to_do(db: None) -> None:
    visitor = Browser()
    visitor.post("/shop/cart/change", {"sku": "mug"})
    visitor.post("/shop/details", {"name": "Anna", "email": "anna@shop.test"})
    reply = visitor.get("/shop/order")
    assert reply.status_code == 503
    assert "manage.py seed_demo" in reply.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_in_production_there_is_no_shop(visitor: Browser, settings: Settings, path: str) -> None:
    settings.DEMO = False
    settings.SECURE_SSL_REDIRECT = False
    reply = visitor.get(path)
    assert reply.status_code == 404
    assert "There is no such page" in reply.content.decode()


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_the_safe_headers(visitor: Browser, path: str) -> None:
    headers = visitor.get(path).headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/shop/cart/change", "/shop/currency", "/shop/details"])
def test_changes_are_posted_from_our_own_pages_only(demo_shop: Client, path: str) -> None:
    assert Browser().get(path).status_code == 405
    assert Browser(enforce_csrf_checks=True).post(path, {"sku": "mug"}).status_code == 403
    assert not CheckoutSession.objects.exists()
