"""The queue of accepted orders is taken up, the oldest first, when a gateway is back (requirement B7)."""

from datetime import timedelta
from typing import Any

import pytest

from payments.clock import database_now
from payments.models import Circuit, Client, Payment
from payments.reliability.breaker import record
from payments.reliability.circuit_rules import Pass, Report
from payments.services.drain import take_up
from tests.payments.conftest import accepted

pytestmark = pytest.mark.django_db


def queued(shop: Client, number: int) -> Payment:
    """Return a payment that has been in the queue for `number` minutes and is looked at in an hour."""
    payment = accepted(shop, f"key-{number}", order=f"order-{number}")
    now = database_now()
    payment.queue(at=now + timedelta(hours=1), now=now - timedelta(minutes=number))
    payment.save()
    return payment


def due_in(payment: Payment) -> float:
    due_at = Payment.objects.get(pk=payment.pk).due_at
    assert due_at is not None
    return (due_at - database_now()).total_seconds()


def test_the_oldest_are_taken_up_first_and_one_after_the_other(shop: Client, settings: Any) -> None:
    settings.DRAIN_PER_SECOND = 1
    young, old, oldest = queued(shop, 1), queued(shop, 2), queued(shop, 3)
    assert take_up() == 3
    assert due_in(oldest) <= 0
    assert 0 < due_in(old) <= 1
    assert 1 < due_in(young) <= 2


def test_no_more_is_taken_up_than_a_minute_can_charge(shop: Client, settings: Any) -> None:
    settings.DRAIN_PER_SECOND = 1
    for number in range(62):
        queued(shop, number + 1)
    assert take_up() == 60


def test_nothing_is_taken_up_while_no_gateway_can_charge(shop: Client, settings: Any) -> None:
    payment = queued(shop, 1)
    for gateway in settings.GATEWAYS:
        granted = Pass(str(gateway["name"]), "charge", 0, trial=False, failures=0)
        record([Report(granted, failed=True, reason="refused", at_once=True)])
    assert Circuit.objects.filter(state="open").count() == len(settings.GATEWAYS)
    assert take_up() == 0
    assert due_in(payment) > 3000


def test_what_is_due_sooner_stays_so(shop: Client) -> None:
    payment = queued(shop, 1)
    Payment.objects.update(due_at=database_now() - timedelta(minutes=5))
    assert take_up() == 0
    assert due_in(payment) < -290
