"""A worker that was stopped beyond its lease wakes up with old news (invariants 1, 21, 27)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Attempt, Client, Payment
from payments.reliability.proof import MOST_SENDS
from payments.services.apply import Heard, apply
from payments.services.claim import Step, Work, claim
from tests.payments.conftest import BECAUSE, after, heard, sent

pytestmark = pytest.mark.django_db


def time_passes(attempt: Attempt, **time: int) -> None:
    """Move what happened to the attempt into the past."""
    row = Attempt.objects.get(pk=attempt.pk)
    ago = timedelta(**time)
    earlier = {"sent_at": row.sent_at - ago, "last_sent_at": row.last_sent_at - ago}
    if row.not_found_at is not None:
        earlier["not_found_at"] = row.not_found_at - ago
    Attempt.objects.filter(pk=attempt.pk).update(**earlier)


def claim_again(attempt: Attempt) -> list[Work]:
    Payment.objects.filter(pk=attempt.payment_id).update(due_at=Now() - timedelta(seconds=1))
    return claim(10, BECAUSE)


def unknown_and_never_sent_again(shop: Client) -> Attempt:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    Attempt.objects.update(sends=MOST_SENDS)
    return attempt


def stale_not_found(attempt: Attempt) -> Heard:
    """Return what a worker saw at 120 s, before another one took over at 200 s; it is 700 s now."""
    time_passes(attempt, seconds=30)
    claim_again(attempt)
    apply([heard(attempt, Kind.NOT_FOUND, looked=True)])
    time_passes(attempt, seconds=90)
    claim_again(attempt)
    seen = heard(attempt, Kind.NOT_FOUND, looked=True)
    time_passes(attempt, seconds=80)
    claim_again(attempt)
    apply([heard(attempt, Kind.NOT_FOUND, looked=True)])
    time_passes(attempt, seconds=500)
    return seen


def test_a_not_found_of_a_worker_that_was_taken_over_proves_nothing(shop: Client) -> None:
    attempt = unknown_and_never_sent_again(shop)
    apply([stale_not_found(attempt)])
    assert Attempt.objects.get().state == "unknown"
    assert Payment.objects.get().status == "processing"


def test_after_it_no_second_charge_leaves(shop: Client) -> None:
    attempt = unknown_and_never_sent_again(shop)
    apply([stale_not_found(attempt)])
    assert [work.step for work in claim_again(attempt)] == [Step.LOOK_UP]


def test_an_old_look_counts_for_the_time_it_was_made(shop: Client) -> None:
    """It was asked within the window, and delivered after it: nobody has looked since."""
    attempt = unknown_and_never_sent_again(shop)
    time_passes(attempt, seconds=30)
    apply([heard(attempt, Kind.NOT_FOUND, looked=True)])
    seen = heard(attempt, Kind.NOT_FOUND, looked=True)
    time_passes(attempt, hours=1)
    assert seen.asked_at is not None
    apply([replace(seen, asked_at=seen.asked_at - timedelta(hours=1))])
    assert Attempt.objects.get().state == "unknown"


def test_old_news_does_not_shorten_the_new_holders_lease(shop: Client) -> None:
    attempt = sent(shop)
    old = heard(attempt, Kind.UNKNOWN, "read_timeout")
    claim_again(attempt)
    lease = Payment.objects.get().due_at
    apply([old])
    assert Payment.objects.get().due_at == lease
    assert Payment.objects.get().claimed_until == lease


@pytest.mark.parametrize(
    ("kind", "more", "status"),
    [(Kind.SUCCEEDED, {"reference": "ch_1"}, "success"), (Kind.DECLINED, {"decline_code": "expired_card"}, "failed")],
)
def test_a_definite_answer_is_true_whoever_heard_it(
    shop: Client, kind: Kind, more: dict[str, Any], status: str
) -> None:
    attempt = sent(shop)
    old = heard(attempt, kind, **more)
    claim_again(attempt)
    apply([old])
    assert Payment.objects.get().status == status


def test_what_the_gateway_once_named_is_not_proven_absent(shop: Client) -> None:
    attempt = unknown_and_never_sent_again(shop)
    time_passes(attempt, seconds=60)
    after(attempt, Kind.NOT_FOUND, looked=True)
    time_passes(attempt, seconds=60)
    after(attempt, Kind.UNKNOWN, "pending", reference="ch_7", looked=True)
    time_passes(attempt, hours=1)
    after(attempt, Kind.NOT_FOUND, looked=True)
    time_passes(attempt, hours=1)
    after(attempt, Kind.NOT_FOUND, looked=True)
    assert Attempt.objects.get().state == "unknown"
    assert Payment.objects.get().status == "processing"


def test_a_charge_proven_while_the_next_try_waits_stops_that_try(shop: Client) -> None:
    attempt = unknown_and_never_sent_again(shop)
    time_passes(attempt, minutes=5)
    after(attempt, Kind.NOT_FOUND, looked=True)
    time_passes(attempt, minutes=20)
    assert after(attempt, Kind.NOT_FOUND, looked=True).status == "retrying"
    assert after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1").status == "success"
    assert claim_again(attempt) == []
    assert Attempt.objects.count() == 1


def test_a_look_up_that_failed_does_not_cover_what_sending_taught(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "server_error_replayed")
    after(attempt, Kind.UNKNOWN, "read_timeout", looked=True)
    assert [work.may_send for work in claim_again(attempt)] == [False]


@pytest.mark.parametrize("age", [{"minutes": 16}, {"hours": 30}])
def test_a_customers_turn_at_the_bank_outlasts_a_look_up_that_failed(shop: Client, age: dict[str, int]) -> None:
    attempt = sent(shop)
    after(attempt, Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    time_passes(attempt, **age)
    payment = after(attempt, Kind.UNKNOWN, "read_timeout", looked=True)
    assert payment.status == "requires_action"
    assert payment.due_at is not None
    assert (payment.due_at - payment.updated_at).total_seconds() == 30
