"""Asking for a refund at the console: with a confirmation, in exact amounts, by those who may (D1, D2, G4)."""

from html import unescape

import pytest
from django.test import Client as Browser

from payments.gateways.base import Kind
from payments.models import Client, Payment
from refunds.models import Refund
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import accepted, after, sent
from tests.refunds.admin.conftest import (
    NONCE,
    asked_by,
    confirmed,
    everything,
    form_of,
    money_of,
    page_of,
    paid,
    said,
    told,
    under_way,
    url_of,
    words_of,
)

pytestmark = pytest.mark.django_db


def test_a_paid_payment_offers_a_refund_of_all_that_is_left(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    asked_by("anna", payment, 4000)
    page = words_of(operator, page_of(payment))
    assert "Give up to 60.00 USD back to the customer." in page
    assert "Up to 100.00 USD you may refund alone; above that a second person must approve." in page
    form = text_of(operator, form_of(payment))
    assert 'name="amount"' in form
    assert 'value="60.00"' in form
    assert "At most 60.00 USD, with 2 decimals." in form


def test_the_confirmation_says_exactly_what_will_happen_and_does_nothing(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    before = everything()
    page = unescape(operator.post(form_of(payment), said("30.00", note="Broken lid")).content.decode())
    for words in (
        "Refund 30.00 USD?",
        "gateway primary is told within seconds to give them back",
        "ch_k1 at gateway primary, 100.00 USD",
        "Customer's request",
        "Broken lid",
        "70.00 USD",
    ):
        assert words in page
    assert "a second person" not in page
    assert everything() == before


def test_a_confirmed_form_makes_the_refund_and_says_so(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    response = operator.post(form_of(payment), confirmed("30.00", note="Broken lid"), follow=True)
    refund = Refund.objects.get()
    assert response.redirect_chain == [(url_of(refund), 302)]
    assert "The refund of 30.00 USD is on its way." in response.content.decode()
    assert (refund.amount, refund.reason, refund.note, refund.origin) == (
        3000,
        "customer_request",
        "Broken lid",
        "console",
    )
    assert (refund.state, refund.requested_by, refund.idempotency_key) == (
        "requested",
        "operator:anna",
        f"~console:{NONCE}",
    )
    assert money_of(payment) == (3000, 0)


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("30.001", "has more than the 2 decimals that USD has."),
        ("30,00", "must be a plain decimal number"),
        ("-1", "must be more than nothing"),
        ("1e2", "must be a plain decimal number"),
        ("0.00", "must be more than nothing"),
        ("", "This field is required."),
        ("100.01", "At most 100.00 USD of 100.00 USD can still be refunded. Nothing was refunded: no money moved."),
    ],
)
def test_an_amount_that_cannot_be_is_refused_in_words(shop: Client, operator: Browser, amount: str, words: str) -> None:
    payment = paid(shop)
    before = everything()
    for data in (said(amount), confirmed(amount)):
        response = operator.post(form_of(payment), data)
        assert response.status_code == 200
        assert words in unescape(response.content.decode())
    assert everything() == before


@pytest.mark.parametrize(
    ("currency", "left", "typed", "minor"), [("JPY", "10000", "333", 333), ("KWD", "10.000", "0.005", 5)]
)
def test_amounts_have_the_decimals_of_their_currency(
    shop: Client, operator: Browser, currency: str, left: str, typed: str, minor: int
) -> None:
    payment = paid(shop, currency=currency)
    assert f'value="{left}"' in text_of(operator, form_of(payment))
    operator.post(form_of(payment), confirmed(typed))
    assert (Refund.objects.get().amount, money_of(payment)) == (minor, (minor, 0))


def test_what_was_refunded_meanwhile_is_refused_and_says_that_nothing_moved(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    operator.post(form_of(payment), said("80.00"))
    asked_by("anna", payment, 5000)
    before = everything()
    page = operator.post(form_of(payment), confirmed("80.00")).content.decode()
    assert "At most 50.00 USD of 100.00 USD can still be refunded. Nothing was refunded: no money moved." in page
    assert everything() == before


def test_what_cannot_be_refunded_says_why_instead_of_a_button(shop: Client, operator: Browser) -> None:
    pending = accepted(shop, "k1", order="o1")
    failed = after(sent(shop, "k2", order="o2"), Kind.DECLINED, decline_code="expired_card")
    empty = paid(shop, "k3")
    asked_by("anna", empty, 10_000)
    disputed = paid(shop, "k4")
    Payment.objects.filter(pk=disputed.pk).update(disputed=10_000)
    for payment, words in (
        (pending, "It is not finished, and nothing is captured yet: there is nothing to refund."),
        (failed, "It failed, and nothing was captured: there is nothing to refund."),
        (empty, "Everything that was captured is refunded or being refunded."),
        (disputed, "The customer disputes 100.00 USD of this payment with the bank."),
    ):
        before = everything()
        page = text_of(operator, page_of(payment))
        assert words in page
        assert f"/refund/of/{payment.pk}/" not in page
        assert words in text_of(operator, form_of(payment))
        assert words in operator.post(form_of(payment), confirmed("1.00")).content.decode()
        assert everything() == before


def test_the_form_tells_of_refunds_that_are_not_over(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    refund = told(under_way(asked_by("anna", payment, 3000)), Kind.UNKNOWN, "read_timeout")
    page = words_of(operator, form_of(payment))
    assert "Not over yet, and already taken off what can be refunded: 30.00 USD , outcome unknown" in page
    assert url_of(refund) in text_of(operator, form_of(payment))


def test_a_viewer_sees_refunds_and_may_not_ask_for_one(shop: Client, operator: Browser, viewer: Browser) -> None:
    payment = paid(shop)
    refund = asked_by("anna", payment, 3000)
    page = text_of(viewer, page_of(payment))
    assert url_of(refund) in page
    assert "What you can do" not in page
    before = everything()
    assert viewer.get(form_of(payment)).status_code == 403
    assert viewer.post(form_of(payment), confirmed()).status_code == 403
    assert everything() == before


def test_a_post_without_the_csrf_token_or_a_login_is_refused(shop: Client, operator: Browser) -> None:
    payment = paid(shop)
    before = everything()
    strict = Browser(enforce_csrf_checks=True)
    strict.cookies = operator.cookies
    assert strict.post(form_of(payment), confirmed()).status_code == 403
    assert Browser().post(form_of(payment), confirmed())["Location"].startswith("/admin/login/")
    assert everything() == before


@pytest.mark.parametrize("id_", ["pay_none", f"pay_{'0' * 26}", "%00"])
def test_a_payment_that_does_not_exist_is_not_found(operator: Browser, id_: str) -> None:
    assert operator.get(f"/admin/refunds/refund/of/{id_}/?form={NONCE}").status_code == 404
