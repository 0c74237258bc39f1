"""The demo shop's cart: exact prices, pieces that change, and details that the checkout would take."""

import pytest
from django.test import Client as Browser

from paysite.demo.catalogue import CURRENCIES
from tests.paysite.demo.shopping import text_of

pytestmark = pytest.mark.django_db


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
