"""A worker that died, or was stopped beyond its lease and wakes up with old news (invariants 1, 6, 21, 27)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payments.gateways.base import Kind
from payments.models import Client
from payments.reliability.proof import MOST_SENDS
from refunds.models import Refund, RefundAttempt
from refunds.services.claim import Step
from refunds.services.heard import heard
from tests.refunds.rows import counters
from tests.refunds.telling import claimed, claimed_again, last, news, sent, states, told
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db


def lost_and_never_sent_again(shop: Client) -> Refund:
    refund = sent(shop)
    told(refund, Kind.UNKNOWN, "read_timeout")
    RefundAttempt.objects.update(sends=MOST_SENDS)
    return refund


def sent_anew(shop: Client) -> tuple[Refund, RefundAttempt]:
    """Return a refund whose first attempt was proven absent and whose second is being sent, and the first."""
    refund = lost_and_never_sent_again(shop)
    advance(60)
    claimed_again(refund)
    told(refund, Kind.NOT_FOUND, looked=True)
    advance(1200)
    claimed_again(refund)
    first = last(refund)
    told(refund, Kind.NOT_FOUND, looked=True)
    claimed_again(refund)
    assert states(refund) == ["processing", "not_found", "sent"]
    return refund, first


def test_a_refund_whose_worker_died_is_looked_up_and_not_simply_sent_again(shop: Client) -> None:
    refund = sent(shop)
    [work] = claimed_again(refund)
    assert work.step is Step.LOOK_UP
    assert states(refund) == ["unknown", "unknown"]
    assert last(refund).reason == "worker_lost"
    assert counters(refund.payment) == (3000, 0)


def test_nobody_takes_over_within_the_lease(shop: Client) -> None:
    refund = sent(shop)
    assert claimed() == []
    assert (refund.due_at, refund.claimed_until) == (refund.due_at, refund.due_at)
    assert states(refund) == ["processing", "sent"]


def test_not_sent_of_a_worker_that_was_taken_over_proves_nothing(shop: Client) -> None:
    """The other one may have sent it by now."""
    refund = sent(shop)
    old = news(refund, Kind.NOT_SENT, "paused_before_sending")
    claimed_again(refund)
    heard(old)
    assert states(refund) == ["unknown", "unknown"]
    assert counters(refund.payment) == (3000, 0)


def test_rejected_of_a_worker_that_was_taken_over_releases_nothing(shop: Client) -> None:
    refund = sent(shop)
    old = news(refund, Kind.REJECTED, "status_400")
    claimed_again(refund)
    heard(old)
    assert states(refund) == ["unknown", "unknown"]
    assert counters(refund.payment) == (3000, 0)


def test_a_not_found_of_a_worker_that_was_taken_over_proves_nothing(shop: Client) -> None:
    refund = lost_and_never_sent_again(shop)
    advance(60)
    claimed_again(refund)
    told(refund, Kind.NOT_FOUND, looked=True)
    advance(1200)
    claimed_again(refund)
    old = news(refund, Kind.NOT_FOUND, looked=True)
    claimed_again(refund)
    heard(old)
    assert states(refund) == ["unknown", "unknown"]
    assert [work.step for work in claimed_again(refund)] == [Step.LOOK_UP]


def test_an_old_look_counts_for_the_time_it_was_made(shop: Client) -> None:
    """It was asked within the window, and delivered after it: nobody has looked since."""
    refund = lost_and_never_sent_again(shop)
    advance(30)
    told(refund, Kind.NOT_FOUND, looked=True)
    seen = news(refund, Kind.NOT_FOUND, looked=True)
    advance(3600)
    assert seen.asked_at is not None
    heard(replace(seen, asked_at=seen.asked_at - timedelta(hours=1)))
    assert states(refund) == ["unknown", "unknown"]


def test_what_the_gateway_once_named_is_not_proven_absent(shop: Client) -> None:
    refund = lost_and_never_sent_again(shop)
    told(refund, Kind.UNKNOWN, "unknown_status", reference="re_7", looked=True)
    for _ in range(3):
        advance(3600)
        told(refund, Kind.NOT_FOUND, looked=True)
    assert states(refund) == ["unknown", "unknown"]


def test_old_news_does_not_shorten_the_new_holders_lease(shop: Client) -> None:
    refund = sent(shop)
    old = news(refund, Kind.UNKNOWN, "read_timeout")
    claimed_again(refund)
    before = Refund.objects.get()
    heard(old)
    after = Refund.objects.get()
    assert (after.due_at, after.claimed_until) == (before.due_at, before.claimed_until)


def test_old_news_that_the_gateway_has_it_does_not_shorten_the_new_holders_lease(shop: Client) -> None:
    refund = sent(shop)
    old = news(refund, Kind.PENDING, "pending", reference="re_1")
    claimed_again(refund)
    before = Refund.objects.get()
    heard(old)
    after = Refund.objects.get()
    assert states(refund) == ["processing", "pending"]
    assert (after.due_at, after.claimed_until) == (before.due_at, before.claimed_until)


def test_that_it_succeeded_is_true_whoever_heard_it(shop: Client) -> None:
    refund = sent(shop)
    old = news(refund, Kind.SUCCEEDED, reference="re_1")
    claimed_again(refund)
    heard(old)
    assert (states(refund), counters(refund.payment)) == (["succeeded", "succeeded"], (3000, 3000))
    # What the other one hears now changes nothing that is right.
    told(refund, Kind.UNKNOWN, "read_timeout", looked=True)
    told(refund, Kind.NOT_FOUND, looked=True)
    assert (states(refund), counters(refund.payment)) == (["succeeded", "succeeded"], (3000, 3000))


def test_a_decline_of_a_worker_that_was_taken_over_releases_nothing(shop: Client) -> None:
    """The other one may have sent it since, and hears for itself what that brought."""
    refund = sent(shop)
    old = news(refund, Kind.DECLINED, decline_code="account_closed")
    claimed_again(refund)
    heard(old)
    assert (states(refund), counters(refund.payment)) == (["unknown", "unknown"], (3000, 0))
    told(refund, Kind.DECLINED, decline_code="account_closed")
    assert (states(refund), counters(refund.payment)) == (["failed", "declined"], (0, 0))


def test_a_decline_of_a_worker_that_was_taken_over_is_no_return_of_what_the_other_one_sent(shop: Client) -> None:
    refund = sent(shop)
    old = news(refund, Kind.DECLINED, decline_code="try_again_later")
    claimed_again(refund)
    told(refund, Kind.SUCCEEDED, reference="re_1")
    heard(old)
    assert (states(refund), counters(refund.payment)) == (["succeeded", "succeeded"], (3000, 3000))


def test_an_old_success_of_what_is_being_sent_anew_ends_the_refund(shop: Client) -> None:
    """Both attempts have one key: what the gateway has under it is what the second one will find."""
    refund, first = sent_anew(shop)
    heard(replace(news(refund, Kind.SUCCEEDED, reference="re_1", looked=True), attempt_id=first.pk, fence=1))
    assert states(refund) == ["succeeded", "not_found", "succeeded"]
    assert counters(refund.payment) == (3000, 3000)
    told(refund, Kind.SUCCEEDED, reference="re_1")
    assert counters(refund.payment) == (3000, 3000)


def test_an_old_decline_of_what_is_being_sent_anew_does_not_stop_that(shop: Client) -> None:
    refund, first = sent_anew(shop)
    before = Refund.objects.get()
    heard(replace(news(refund, Kind.DECLINED, decline_code="account_closed"), attempt_id=first.pk, fence=1))
    after = Refund.objects.get()
    assert states(refund) == ["processing", "not_found", "sent"]
    assert (after.due_at, after.claimed_until) == (before.due_at, before.claimed_until)
    assert after.due_at is not None


def test_a_refund_that_succeeded_while_its_next_attempt_waited_is_not_sent(shop: Client) -> None:
    refund = lost_and_never_sent_again(shop)
    advance(60)
    told(refund, Kind.NOT_FOUND, looked=True)
    advance(1200)
    told(refund, Kind.NOT_FOUND, looked=True)
    assert states(refund) == ["processing", "not_found"]
    told(refund, Kind.SUCCEEDED, looked=True, reference="re_1")
    assert states(refund) == ["succeeded", "succeeded"]
    assert claimed() == []
    assert RefundAttempt.objects.count() == 1


def test_a_look_up_that_failed_does_not_cover_what_sending_taught(shop: Client) -> None:
    refund = sent(shop)
    told(refund, Kind.UNKNOWN, "server_error_replayed")
    told(refund, Kind.UNKNOWN, "read_timeout", looked=True)
    assert last(refund).reason == "server_error_replayed"
