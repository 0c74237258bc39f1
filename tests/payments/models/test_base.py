"""Models with a protected state."""

import pytest
from django_fsm import TransitionNotAllowed

from payments.models import Client, Payment
from tests.payments.conftest import accepted, sent

pytestmark = pytest.mark.django_db


def test_a_state_cannot_be_assigned(shop: Client) -> None:
    payment = accepted(shop)
    with pytest.raises(AttributeError):
        payment.status = "success"
    assert payment.status == "pending"


def test_a_transition_that_is_not_in_the_table_is_refused(shop: Client) -> None:
    payment = accepted(shop)
    with pytest.raises(TransitionNotAllowed):
        payment.succeed(now=payment.created_at)
    assert payment.status == "pending"


def test_reloading_brings_the_state_of_the_row(shop: Client) -> None:
    payment = accepted(shop)
    sent(shop)
    payment.refresh_from_db()
    assert payment.status == "processing"


def test_reloading_a_row_that_is_gone_keeps_the_state(shop: Client) -> None:
    payment = accepted(shop)
    payment.pk = "pay_gone"
    with pytest.raises(Payment.DoesNotExist):
        payment.refresh_from_db()
    assert payment.status == "pending"
