"""The signed form of the demo shop that sends the customer to the checkout page."""

import re

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from payments.checkout.languages import LANGUAGES
from payments.models import Client, Order
from paysite.demo.catalogue import CURRENCIES
from paysite.demo.forms import LANGUAGE_NAMES
from paysite.demo.order_form import customer_number
from tests.paysite.demo.shopping import text_of, to_the_order

pytestmark = pytest.mark.django_db


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


def test_the_shop_knows_its_customers_by_their_address(visitor: Browser) -> None:
    visitor.post("/shop/cart/change", {"sku": "mug"})
    first = to_the_order(visitor)["customerID"]
    assert re.fullmatch("c-[0-9a-f]{16}", first)
    assert customer_number(" Anna@Shop.test ") == customer_number("anna@shop.test")
    assert customer_number("anna@shop.test") != customer_number("bert@shop.test")
