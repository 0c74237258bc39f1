"""The demo shop's pages: products, safe headers, and nothing at all in production."""

from pathlib import Path

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from payments.models import CheckoutSession, Client
from paysite.demo.catalogue import PRODUCTS
from tests.paysite.demo.shopping import text_of

pytestmark = pytest.mark.django_db

PAGES = ["/shop/", "/shop/cart", "/shop/order", "/shop/thanks"]


def test_the_shop_shows_every_product_with_its_price(visitor: Browser) -> None:
    page = text_of(visitor, "/shop/")
    for product in PRODUCTS.values():
        assert product.name in page
        assert product.price_text("USD") in page


def test_every_product_has_a_picture() -> None:
    pictures = Path(__file__).parents[3] / "paysite" / "static" / "shop"
    assert [sku for sku in PRODUCTS if not (pictures / f"{sku}.svg").exists()] == []


@pytest.mark.parametrize("path", ["/shop/", "/shop/cart", "/shop/thanks"])
def test_every_page_leads_to_both_inboxes(visitor: Browser, settings: Settings, path: str) -> None:
    page = text_of(visitor, path)
    assert '<a href="/inbox/">Messages to customers and the team</a>' in page
    assert f'<a href="{settings.DEMO_INBOX_URL}">What Paysite tells this shop</a>' in page


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
