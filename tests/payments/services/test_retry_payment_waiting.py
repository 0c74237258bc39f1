"""Trying a payment again that waits for its next try: sooner, or with another card (requirements A3, A7)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, Payment
from payments.services.retry_payment import retry
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent
from tests.payments.services.conftest import Gateways
from tests.payments.services.retrying import NEW_CARD, everything

pytestmark = pytest.mark.django_db(transaction=True)


def waiting(shop: Client, seconds: float = 0.9) -> Payment:
    """Return a payment that is tried again in `seconds`."""
    payment = after(sent(shop), Kind.DECLINED, decline_code="velocity")
    Payment.objects.update(due_at=database_now() + timedelta(seconds=seconds))
    return reload(payment)


def test_a_planned_try_is_brought_forward(shop: Client) -> None:
    payment = waiting(shop, 0.9)
    found = retry(payment.pk, BECAUSE, reason="hurry")
    assert found.pk == payment.pk
    assert found.due_at is not None
    assert found.due_at <= database_now()
    assert found.retry_count == payment.retry_count
    [entry] = AuditEntry.objects.filter(action="payment.brought_forward")
    assert (entry.payment_id, entry.reason, entry.after) == (payment.pk, "hurry", "retrying")


@pytest.mark.parametrize("seconds", [31, 900])
def test_a_gateway_that_asked_for_time_gets_it(shop: Client, seconds: int) -> None:
    payment = waiting(shop, seconds)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_a_gateway_that_asked_for_a_few_seconds_gets_them(shop: Client, gateways: Gateways) -> None:
    """Ten seconds after the first try are the gateway's wish: the back-off would have been one at most."""
    gateways.remove("secondary")
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=10)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_a_queued_payment_keeps_its_place(shop: Client) -> None:
    payment = waiting(shop, 25)
    Payment.objects.update(queued_at=Now(), level=4)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_a_payment_that_nobody_has_claimed_yet_is_left_alone(shop: Client) -> None:
    payment = accepted(shop)
    before = everything()
    assert retry(payment.pk, BECAUSE).pk == payment.pk
    assert everything() == before


def test_another_card_calls_the_planned_try_off(shop: Client, gateways: Gateways, settler: Settler) -> None:
    first = waiting(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    assert (reload(first).status, reload(first).due_at, second.version) == ("canceled", None, 2)
    settler.drain()
    assert (gateways.requests(first), gateways.captures(second)) == ((0, 0), (1, 0))


def test_money_that_the_called_off_payment_took_after_all_goes_back(shop: Client, gateways: Gateways) -> None:
    first = waiting(shop)
    second = retry(first.pk, BECAUSE, method=NEW_CARD)
    after(Attempt.objects.get(payment=first), Kind.SUCCEEDED, reference="ch_late")
    assert (reload(first).status, reload(second).status) == ("canceled", "pending")
    assert first.surplus_charges.get().gateway_reference == "ch_late"
