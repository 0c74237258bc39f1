"""Coming back to the demo shop: paid, accepted for later, or not paid yet."""

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.gateways.base import Kind
from payments.models import Client, Payment
from tests.payments.conftest import after, sent
from tests.paysite.demo.shopping import text_of, to_the_order

pytestmark = pytest.mark.django_db


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
