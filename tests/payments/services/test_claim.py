"""Claiming due payments (invariants 25, 27)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, Payment
from payments.reliability import calls
from payments.services.claim import Step, anything_due, claim
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent

pytestmark = pytest.mark.django_db


def make_due(payment: Payment) -> None:
    Payment.objects.filter(pk=payment.pk).update(due_at=Now() - timedelta(seconds=1))


def test_a_claimed_payment_has_a_committed_attempt_before_any_call(shop: Client) -> None:
    payment = accepted(shop)
    [work] = claim(limit=10, because=BECAUSE)
    attempt = Attempt.objects.get()
    assert work.step is Step.CHARGE
    assert (attempt.pk, attempt.state, attempt.number) == (work.attempt.pk, "sent", 1)
    assert attempt.gateway_key == f"{payment.pk}-a1"
    assert (attempt.amount, attempt.currency, attempt.gateway) == (1250, "USD", "primary")
    assert reload(payment).status == "processing"


def test_a_claim_is_in_the_audit_trail(shop: Client) -> None:
    attempt = sent(shop)
    entry = AuditEntry.objects.get(action="payment.processing")
    assert (entry.before, entry.after) == ("pending", "processing")
    assert entry.data == {"key": attempt.gateway_key, "level": 1, "gateway": "primary"}


def test_a_claimed_payment_is_not_claimed_again_within_the_lease(shop: Client) -> None:
    sent(shop)
    assert claim(limit=10, because=BECAUSE) == []
    assert not anything_due()


def test_the_lease_is_longer_than_any_call(shop: Client) -> None:
    payment = reload(accepted(shop))
    claim(limit=10, because=BECAUSE)
    claimed = reload(payment)
    assert claimed.due_at is not None
    assert claimed.due_at == claimed.claimed_until == claimed.updated_at + timedelta(seconds=60)
    assert calls.budget() == 50


def test_every_claim_raises_the_fence(shop: Client) -> None:
    payment = accepted(shop)
    claim(limit=10, because=BECAUSE)
    make_due(payment)
    claim(limit=10, because=BECAUSE)
    assert reload(payment).fence == 2


def test_after_the_lease_of_a_dead_worker_its_attempt_is_looked_up_and_not_sent_anew(shop: Client) -> None:
    attempt = sent(shop)
    make_due(attempt.payment)
    [work] = claim(limit=10, because=BECAUSE)
    assert (work.step, work.attempt.pk) == (Step.LOOK_UP, attempt.pk)
    assert Attempt.objects.get().state == "unknown"
    assert reload(attempt.payment).outcome_unknown


def test_a_worker_that_only_slept_is_not_believed_that_it_sent_nothing(shop: Client) -> None:
    """It was taken over, and the other worker may have sent its attempt again by now."""
    attempt = sent(shop)
    make_due(attempt.payment)
    claim(limit=10, because=BECAUSE)
    payment = after(attempt, Kind.NOT_SENT, "paused_before_sending")
    assert (payment.status, payment.outcome_unknown) == ("processing", True)
    assert Attempt.objects.get().state == "unknown"


def test_sending_again_is_written_down_before_it_happens(shop: Client) -> None:
    attempt = sent(shop)
    make_due(attempt.payment)
    [work] = claim(limit=10, because=BECAUSE)
    row = Attempt.objects.get()
    assert work.may_send
    assert row.sends == 2
    assert row.last_sent_at > attempt.last_sent_at


def test_one_key_is_sent_four_times_at_most(shop: Client) -> None:
    attempt = sent(shop)
    allowed = []
    for _ in range(5):
        make_due(attempt.payment)
        [work] = claim(limit=10, because=BECAUSE)
        allowed.append(work.may_send)
    assert allowed == [True, True, True, False, False]
    assert Attempt.objects.get().sends == 4


def test_a_key_is_not_sent_in_its_last_hour(shop: Client) -> None:
    attempt = sent(shop)
    Attempt.objects.update(sent_at=Now() - timedelta(hours=23, minutes=1))
    make_due(attempt.payment)
    [work] = claim(limit=10, because=BECAUSE)
    assert not work.may_send


def test_a_saved_error_is_not_asked_for_again(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "server_error_replayed")
    make_due(attempt.payment)
    [work] = claim(limit=10, because=BECAUSE)
    assert not work.may_send


def test_a_retry_is_a_new_attempt_under_a_new_key(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.NOT_SENT, "refused")
    make_due(payment)
    claim(limit=10, because=BECAUSE)
    keys = list(Attempt.objects.order_by("number").values_list("gateway_key", flat=True))
    assert keys == [f"{payment.pk}-a1", f"{payment.pk}-a2"]


def test_no_more_than_the_limit_is_claimed_and_the_oldest_first(shop: Client) -> None:
    payments = [accepted(shop, f"key-{number}", order=f"order-{number}") for number in range(3)]
    Payment.objects.filter(pk=payments[2].pk).update(due_at=Now() - timedelta(hours=1))
    assert [work.payment.pk for work in claim(limit=1, because=BECAUSE)] == [payments[2].pk]
    assert len(claim(limit=10, because=BECAUSE)) == 2


def test_a_payment_that_was_never_sent_expires_when_its_time_is_over(shop: Client) -> None:
    payment = accepted(shop)
    Payment.objects.filter(pk=payment.pk).update(expires_at=Now() - timedelta(seconds=1))
    assert claim(limit=10, because=BECAUSE) == []
    expired = reload(payment)
    assert (expired.status, expired.due_at) == ("expired", None)
    assert not Attempt.objects.exists()
    assert AuditEntry.objects.filter(action="payment.expired").count() == 1


def test_a_payment_with_an_open_attempt_does_not_expire(shop: Client) -> None:
    attempt = sent(shop)
    Payment.objects.update(expires_at=Now() - timedelta(seconds=1), due_at=Now() - timedelta(seconds=1))
    [work] = claim(limit=10, because=BECAUSE)
    assert work.step is Step.LOOK_UP
    assert Payment.objects.get(pk=attempt.payment_id).status == "processing"


def test_nothing_is_claimed_where_nothing_is_due(shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    assert claim(limit=10, because=BECAUSE) == []
