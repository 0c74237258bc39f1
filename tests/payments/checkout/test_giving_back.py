"""What the status page makes of sentences about money on its way back (requirements D1, F6)."""

from collections.abc import Iterator

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.checkout import giving_back
from payments.checkout.presenters import SELDOM, Status, status_of
from payments.gateways.base import Kind
from payments.models import CheckoutSession, Payment
from tests.payments.checkout.conftest import Pay, heard_from_gateway
from tests.payments.checkout.status_page import status_text, tag_and_end

SUCCESSFUL = "Your payment was successful."
ON_ITS_WAY = "We are giving 30.00 USD back to you."
NOT_YET = "We could not give 5.00 USD back to you yet."


def paid(**counters: int) -> Payment:
    """Return a payment of 100.00 USD as its row would be."""
    return Payment(status="success", amount=10_000, currency="USD", created_at=timezone.now(), **counters)


def said(payment: Payment, *money_back: str) -> Status:
    return status_of(payment, now=timezone.now(), money_back=money_back)


def test_what_is_not_back_follows_what_was_paid_and_the_page_looks_again_seldom() -> None:
    status = said(paid(refund_reserved=3000), ON_ITS_WAY, NOT_YET)
    assert (status.title, status.sentences) == ("Paid. Thank you!", (SUCCESSFUL, ON_ITS_WAY, NOT_YET))
    assert (status.refresh, status.is_final, status.is_slow, status.offers_contact) == (SELDOM, False, True, True)


def test_without_any_the_page_of_a_paid_order_is_at_its_end() -> None:
    for payment in (paid(), paid(refund_reserved=3000, refunded=3000)):
        status = said(payment)
        assert (status.refresh, status.is_final, status.offers_contact) == (0, True, False)


def test_a_reserve_that_is_not_refunded_keeps_the_page_looking_though_nothing_is_told() -> None:
    status = said(paid(refund_reserved=3000))
    assert (status.sentences, status.refresh) == ((SUCCESSFUL,), SELDOM)


def test_the_tag_changes_with_the_sentences() -> None:
    payment = paid(refund_reserved=3000)
    tags = {said(payment, *sentences).tag(payment) for sentences in ((), (ON_ITS_WAY,), (NOT_YET,))}
    assert len(tags) == 3


def test_the_tag_changes_where_the_page_has_come_to_its_end_with_the_same_sentences() -> None:
    open_one, ended = paid(refund_reserved=3000), paid()
    assert (said(open_one).is_final, said(ended).is_final) == (False, True)
    # Only another tag has an open page taken anew, which ends its questions.
    assert said(open_one).tag(open_one) != said(ended).tag(open_one)


@pytest.fixture
def teller() -> Iterator[list[str]]:
    """Return what another app tells about every payment."""
    told: list[str] = []
    giving_back.register("test", lambda _: tuple(told))
    yield told
    del giving_back._tellers["test"]


@pytest.mark.django_db(transaction=True)
def test_what_an_app_tells_stands_on_the_page_of_a_paid_order_and_changes_its_tag(
    session: CheckoutSession, browser: Browser, pay: Pay, teller: list[str]
) -> None:
    session.client.support_email = "help@shop.test"
    session.client.save()
    pay()
    heard_from_gateway(Kind.SUCCEEDED)
    before, end = tag_and_end(browser, session)
    assert end
    assert "help@shop.test" not in status_text(browser, session)
    teller.append("We are giving 5.00 USD <back>.")
    after, end = tag_and_end(browser, session)
    assert (after != before, end) == (True, False)
    page = status_text(browser, session)
    assert f"<p>{SUCCESSFUL}</p><p>We are giving 5.00 USD &lt;back&gt;.</p>" in page
    assert f'data-tag="{after}" data-final="false" data-seldom="true"' in page
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page
    assert 'Write to <a href="mailto:help@shop.test">' in page


@pytest.mark.django_db(transaction=True)
def test_nothing_is_told_of_a_payment_that_is_not_paid(
    session: CheckoutSession, browser: Browser, pay: Pay, teller: list[str]
) -> None:
    teller.append(ON_ITS_WAY)
    pay()
    assert ON_ITS_WAY not in status_text(browser, session)
    heard_from_gateway(Kind.UNKNOWN)
    assert ON_ITS_WAY not in status_text(browser, session)
