"""The status page tells what gateways took without right, and what became of it (requirements C4, F6)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.checkout.surplus import surplus_of
from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, CheckoutSession, Payment, SurplusCharge
from payments.services import give_back
from tests.payments.checkout.conftest import Pay, heard_from_gateway
from tests.payments.checkout.status_page import status_text, tag_and_end
from tests.payments.conftest import BECAUSE, after, sent

pytestmark = pytest.mark.django_db(transaction=True)


def told_of(kind: Kind) -> None:
    """Let the gateway say what became of giving back the one charge that it made without right."""
    give_back.heard(SurplusCharge.objects.get().pk, Outcome(kind, "test", message="words of the gateway"), BECAUSE)


TWICE = "The payment provider charged you a second time by mistake."
LATE = "The payment provider took money for this order too late, after the payment had ended."
OWED = "We are giving that money back; you need not do anything."
REFUSED = "We are giving that money back, and our team is seeing to it; you need not do anything."
RETURNED = "That money was given back; banks may take some days to show it."
ENDS = [(None, OWED), (Kind.VOIDED, RETURNED), (Kind.REJECTED, REFUSED)]


@pytest.mark.parametrize(("kind", "words"), ENDS)
def test_a_second_charge_is_told_and_that_it_is_given_back(
    session: CheckoutSession, browser: Browser, pay: Pay, kind: Kind | None, words: str
) -> None:
    pay()
    heard_from_gateway(Kind.SUCCEEDED, reference="ch_1")
    after(Attempt.objects.get(), Kind.SUCCEEDED, reference="ch_2")
    if kind:
        told_of(kind)
    page = status_text(browser, session)
    assert "Paid. Thank you!" in page
    assert f"<p>Your payment was successful.</p><p>{TWICE} {words}</p>" in page
    assert "words of the gateway" not in page
    assert "ch_2" not in page


def test_several_charges_too_many_are_counted(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.SUCCEEDED, reference="ch_1")
    for number in (2, 3):
        after(Attempt.objects.get(), Kind.SUCCEEDED, reference=f"ch_{number}")
    words = "The payment provider charged you 2 times too often by mistake. We are giving that money back"
    assert words in status_text(browser, session)
    SurplusCharge.objects.filter(gateway_reference="ch_2").update(state="returned")
    assert words in status_text(browser, session)


@pytest.mark.parametrize(("kind", "words"), ENDS)
def test_a_late_charge_of_a_payment_that_ended_is_told_and_not_denied(
    session: CheckoutSession, browser: Browser, pay: Pay, kind: Kind | None, words: str
) -> None:
    pay()
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    Payment.objects.update(processed_at=timezone.now() - timedelta(days=365))
    after(Attempt.objects.get(), Kind.SUCCEEDED, reference="ch_late")
    assert SurplusCharge.objects.get().reason == "late_success"
    if kind:
        told_of(kind)
    for path in ("/status", ""):
        page = re.sub(r"\s+", " ", browser.get(f"/checkout/{session.token}{path}").content.decode())
        assert f"{LATE} {words}" in page
        assert "not charged" not in page
    assert ">Try another card</a>" in status_text(browser, session)


def test_a_late_charge_of_an_earlier_payment_is_told_beside_the_paid_one(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay(1)
    first = heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    pay(2)
    assert "The payment provider" not in status_text(browser, session)
    after(Attempt.objects.get(payment=first), Kind.SUCCEEDED, reference="ch_late")
    assert f"{LATE} {OWED}" in status_text(browser, session)
    heard_from_gateway(Kind.SUCCEEDED, reference="ch_1")
    page = status_text(browser, session)
    assert "Paid. Thank you!" in page
    assert f"{TWICE} {OWED}" in page


def test_another_orders_charges_are_not_told(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.SUCCEEDED, reference="ch_1")
    other = sent(session.client, "other", order="other")
    after(other, Kind.SUCCEEDED, reference="ch_3")
    after(other, Kind.SUCCEEDED, reference="ch_4")
    assert SurplusCharge.objects.count() == 1
    assert "by mistake" not in status_text(browser, session)


def test_the_tag_changes_when_the_money_was_given_back(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.SUCCEEDED, reference="ch_1")
    tags = [tag_and_end(browser, session)]
    after(Attempt.objects.get(), Kind.SUCCEEDED, reference="ch_2")
    tags.append(tag_and_end(browser, session))
    told_of(Kind.VOIDED)
    tags.append(tag_and_end(browser, session))
    assert len(set(tags)) == 3
    assert f'data-tag="{tags[-1][0]}"' in status_text(browser, session)


def test_telling_it_costs_one_statement(
    session: CheckoutSession, browser: Browser, pay: Pay, django_assert_num_queries: Any
) -> None:
    pay()
    heard_from_gateway(Kind.SUCCEEDED, reference="ch_1")
    payments = list(Payment.objects.all())
    for number in (2, 3):
        after(Attempt.objects.get(), Kind.SUCCEEDED, reference=f"ch_{number}")
    with django_assert_num_queries(1):
        assert [charge.gateway_reference for charge in surplus_of(payments)] == ["ch_2", "ch_3"]
