"""What somebody at the console refunds alone, and what a second person must approve (requirements D6, G4)."""

from html import unescape

import pytest
from django.test import Client as Browser

from payments.models import Client
from refunds.models import Refund
from tests.refunds.admin.conftest import OTHER, confirmed, form_of, money_of, paid, said

pytestmark = pytest.mark.django_db


def test_a_refund_above_the_limit_says_so_before_and_waits(shop: Client, operator: Browser) -> None:
    payment = paid(shop, amount=20_000)
    page = unescape(operator.post(form_of(payment), said("100.01")).content.decode())
    assert "100.01 USD is above what your role (operator) refunds alone (100.00 USD)" in page
    assert "a second person must approve it within 72 hours" in page
    assert "Nothing is sent before the approval." in page
    after_ = operator.post(form_of(payment), confirmed("100.01"), follow=True).content.decode()
    assert "The refund of 100.01 USD waits for the approval of a second person." in after_
    refund = Refund.objects.get()
    assert (refund.state, refund.needs_approval, money_of(payment)) == ("awaiting_approval", True, (10_001, 0))


def test_what_was_refunded_alone_before_counts_and_the_page_says_so(shop: Client, operator: Browser) -> None:
    payment = paid(shop, amount=20_000)
    operator.post(form_of(payment), confirmed("60.00"))
    page = unescape(operator.post(form_of(payment, OTHER), said("40.01")).content.decode())
    assert "40.01 USD, with the 60.00 USD of this payment that you refunded before, is above what your role" in page
    operator.post(form_of(payment, OTHER), confirmed("40.01"))
    refund = Refund.objects.latest("pk")
    assert (refund.state, refund.amount, refund.needs_approval) == ("awaiting_approval", 4001, True)


def test_exactly_the_limit_needs_nobody_else(shop: Client, operator: Browser) -> None:
    payment = paid(shop, amount=20_000)
    operator.post(form_of(payment), confirmed("100.00"))
    assert Refund.objects.get().state == "requested"


@pytest.mark.parametrize("who", ["supervisor", "administrator"])
def test_a_supervisor_and_a_superuser_have_the_higher_limit(
    shop: Client, who: str, request: pytest.FixtureRequest
) -> None:
    browser, payment = request.getfixturevalue(who), paid(shop, amount=200_000)
    browser.post(form_of(payment), confirmed("600.00"))
    browser.post(form_of(payment, OTHER), confirmed("400.00"))
    states = Refund.objects.order_by("pk").values_list("state", "amount")
    assert list(states) == [("requested", 60_000), ("requested", 40_000)]
    browser.post(form_of(paid(shop, "k2", amount=200_000), "C" * 22), confirmed("1000.01"))
    assert Refund.objects.latest("pk").state == "awaiting_approval"
