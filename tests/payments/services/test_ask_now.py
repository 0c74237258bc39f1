"""Asking the gateway now: only where there is something to ask about."""

import pytest

from payments.audit import Because
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Payment
from payments.services.ask_now import ask_now
from tests.payments.conftest import accepted, after, reload, sent

pytestmark = pytest.mark.django_db

ANNA = Because(actor="operator:anna", cause="console:ask")


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.ACTION_REQUIRED])
def test_a_payment_with_an_open_attempt_becomes_due(shop: Client, kind: Kind) -> None:
    payment = after(sent(shop), kind)
    assert ask_now(payment.pk, ANNA, "customer called")
    now = reload(payment)
    assert (now.due_at, now.status) == (now.updated_at, payment.status)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.actor, entry.reason) == ("payment.asked_now", "operator:anna", "customer called")


@pytest.mark.parametrize("kind", [Kind.SUCCEEDED, Kind.DECLINED, Kind.NOT_SENT, Kind.REJECTED])
def test_where_nothing_is_open_nothing_changes(shop: Client, kind: Kind) -> None:
    payment = after(sent(shop), kind)
    entries = AuditEntry.objects.count()
    assert not ask_now(payment.pk, ANNA, "customer called")
    assert (reload(payment).due_at, AuditEntry.objects.count()) == (payment.due_at, entries)


def test_an_attempt_under_way_is_left_to_its_worker(shop: Client) -> None:
    payment = reload(sent(shop).payment)
    assert not ask_now(payment.pk, ANNA, "customer called")
    assert reload(payment).due_at == payment.due_at


def test_a_fresh_payment_has_nothing_to_ask_about(shop: Client) -> None:
    assert not ask_now(accepted(shop).pk, ANNA, "customer called")


def test_a_payment_that_does_not_exist_is_an_error(db: None) -> None:
    with pytest.raises(Payment.DoesNotExist):
        ask_now("pay_none", ANNA, "customer called")
