"""An operator has the gateway asked now (requirement C3; issue: an unknown outcome)."""

import pytest

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client
from refunds.models import Refund
from refunds.services.ask_now import ask_now, can_be_asked
from tests.payments.conftest import BECAUSE
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, paid, written
from tests.refunds.telling import claimed, claimed_again, sent, states, told

pytestmark = pytest.mark.django_db


def notes(refund: Refund) -> list[str]:
    entries = AuditEntry.objects.filter(entity_id=refund.pk, action="refund.asked_now")
    return list(entries.values_list("reason", flat=True))


def test_an_unknown_refund_is_due_at_once_and_only_looked_up_or_sent_under_its_key(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert ask_now(refund.pk, BECAUSE, "the customer calls")
    row = Refund.objects.get()
    assert row.due_at is not None
    assert row.due_at <= database_now()
    assert (states(refund), notes(refund)) == (["unknown", "unknown"], ["the customer calls"])
    assert [work.attempt.number for work in claimed() if work.attempt] == [1]


def test_while_somebody_asks_nothing_changes(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    claimed_again(refund)
    before = Refund.objects.get()
    assert ask_now(refund.pk, BECAUSE)
    after = Refund.objects.get()
    assert (after.due_at, after.claimed_until, notes(refund)) == (before.due_at, before.claimed_until, [])


@pytest.mark.parametrize("limits", [{"USD": 10_000}, {"USD": 1}])
def test_there_is_nothing_to_ask_about_what_was_never_sent(shop: Client, limits: dict[str, int]) -> None:
    refund = requested(paid(shop), 3000, limits=limits)
    before = Refund.objects.get()
    assert ask_now(refund.pk, BECAUSE) is False
    assert (Refund.objects.get().due_at, notes(refund)) == (before.due_at, [])


def test_nor_about_what_was_called_off(shop: Client) -> None:
    refund = written(paid(shop), 3000)
    Refund.objects.update(state="rejected", due_at=None, finished_at=database_now())
    assert ask_now(refund.pk, BECAUSE) is False
    assert Refund.objects.get().due_at is None


@pytest.mark.parametrize("kind", [Kind.SUCCEEDED, Kind.DECLINED, Kind.REJECTED])
def test_what_is_over_can_still_be_asked_about_and_stays_what_it_is(shop: Client, kind: Kind) -> None:
    refund = told(sent(shop), kind, reference="re_1" if kind is Kind.SUCCEEDED else "", decline_code="account_closed")
    before, money = states(refund), counters(refund.payment)
    assert can_be_asked(refund)
    assert ask_now(refund.pk, BECAUSE)
    assert [list(work.granted) for work in claimed()] == [["look_up"]]
    row = told(refund, Kind.NOT_FOUND, looked=True)
    assert (states(refund), counters(refund.payment), row.due_at) == (before, money, None)


def test_of_a_refund_that_is_not_there_nothing_is_asked() -> None:
    with pytest.raises(Refund.DoesNotExist):
        ask_now("rf_nowhere", BECAUSE)
