"""An operator asks the gateway now."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.audit import Because
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Payment
from payments.services.ask_now import ask_now
from payments.services.claim import anything_due, claim
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent

pytestmark = pytest.mark.django_db
ANNA = Because(actor="operator:anna", cause="console")


def test_an_unknown_outcome_is_asked_about_at_once(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert not anything_due()
    assert ask_now(payment.pk, ANNA, "the customer calls")
    assert anything_due()
    entry = AuditEntry.objects.get(action="payment.asked_now")
    assert (entry.actor, entry.reason) == ("operator:anna", "the customer calls")


def test_while_a_worker_asks_nothing_is_changed(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    Payment.objects.update(due_at=Now() - timedelta(seconds=1))
    claim(limit=1, because=BECAUSE)
    assert reload(payment).claimed_until is not None
    assert ask_now(payment.pk, ANNA, "again")
    assert not anything_due()
    assert not AuditEntry.objects.filter(action="payment.asked_now").exists()


@pytest.mark.parametrize("kind", [Kind.SUCCEEDED, Kind.DECLINED])
def test_a_known_outcome_is_not_asked_about(shop: Client, kind: Kind) -> None:
    payment = after(sent(shop), kind, reference="ch_1", decline_code="expired_card")
    assert not ask_now(payment.pk, ANNA, "why not")
    assert not anything_due()


def test_a_payment_that_was_never_sent_is_not_asked_about(shop: Client) -> None:
    assert not ask_now(accepted(shop).pk, ANNA, "why not")
