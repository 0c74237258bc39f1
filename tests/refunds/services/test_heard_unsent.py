"""News of what was not sent, or proven absent: it is looked up, and never sent twice (requirements D1, C2)."""

import pytest

from payments.gateways.base import Kind
from payments.models import Client
from refunds.models import Refund
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, disputed, paid
from tests.refunds.telling import asked, booked, by_itself, claimed, claimed_again, last, published, sent, states, told
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("waits_for", ["not_sent", "not_found"])
def test_a_decline_of_an_attempt_that_is_over_leaves_the_next_one_due(shop: Client, waits_for: str) -> None:
    refund = sent(shop)
    if waits_for == "not_sent":
        told(refund, Kind.NOT_SENT, "rate_limited")
    else:
        told(refund, Kind.UNKNOWN, "read_timeout")
        advance(60)
        told(refund, Kind.NOT_FOUND, looked=True)
        advance(1200)
        told(refund, Kind.NOT_FOUND, looked=True)
    due_at = Refund.objects.get().due_at
    refund = by_itself(refund, Kind.DECLINED, decline_code="account_closed")
    assert states(refund) == ["processing", waits_for]
    assert refund.due_at == due_at is not None


def proven_absent(refund: Refund) -> Refund:
    """Have the gateway know nothing of what was sent, long and often enough."""
    told(refund, Kind.UNKNOWN, "read_timeout")
    advance(60)
    told(refund, Kind.NOT_FOUND, looked=True)
    advance(1200)
    return told(refund, Kind.NOT_FOUND, looked=True)


@pytest.mark.parametrize("waits_for", ["not_sent", "not_found"])
def test_what_the_gateway_has_after_all_is_looked_up_and_never_sent_anew(shop: Client, waits_for: str) -> None:
    refund = sent(shop)
    if waits_for == "not_sent":
        told(refund, Kind.NOT_SENT, "rate_limited")
    else:
        proven_absent(refund)
    assert states(refund) == ["processing", waits_for]
    refund = by_itself(refund, Kind.PENDING, "pending", reference="re_1")
    assert (states(refund), last(refund).finished_at) == (["processing", "pending"], None)
    # Neither is it called off, whatever happens to the payment.
    disputed(refund.payment, 10_000)
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert (states(refund), counters(refund.payment)) == (["succeeded", "succeeded"], (3000, 3000))
    assert (len(booked(refund)), last(refund).sends) == (1, 1)


def test_a_refund_that_was_never_sent_and_that_the_gateway_made_is_looked_up_and_not_sent(shop: Client) -> None:
    payment = paid(shop)
    refund = by_itself(requested(payment, 3000), Kind.SUCCEEDED, reference="re_1")
    assert (states(refund), counters(payment), booked(refund)) == (["processing"], (3000, 0), [])
    assert [work.granted.keys() for work in claimed()] == [{"look_up"}]
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert (states(refund), counters(payment)) == (["succeeded"], (3000, 3000))
    assert published(refund) == ["refund.created", "refund.processing", "refund.succeeded"]
    assert len(booked(refund)) == 1


@pytest.mark.parametrize("limit", [1, 3000])
def test_news_that_proves_nothing_changes_nothing_about_a_refund_that_was_not_sent(shop: Client, limit: int) -> None:
    before = requested(paid(shop), 3000, limits={"USD": limit})
    refund = by_itself(before, Kind.UNKNOWN, "read_timeout")
    assert (refund.state, refund.due_at, asked(refund)) == (before.state, before.due_at, [])


def test_a_refund_that_was_never_sent_and_that_the_gateway_has_is_looked_up(shop: Client) -> None:
    """As after a database that was restored from an older copy."""
    payment = paid(shop)
    refund = by_itself(requested(payment, 3000), Kind.PENDING, "pending", reference="re_1")
    assert (states(refund), refund.gateway_reference) == (["processing"], "re_1")
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert (states(refund), counters(payment)) == (["succeeded"], (3000, 3000))


def test_a_refund_that_awaits_approval_and_that_the_gateway_has_is_a_question_to_people(shop: Client) -> None:
    before = requested(paid(shop), 3000, limits={"USD": 1})
    refund = by_itself(before, Kind.PENDING, "pending", reference="re_1")
    assert (refund.state, refund.due_at) == ("awaiting_approval", before.due_at)
    assert (asked(refund), counters(refund.payment)) == (["refund_mismatch"], (3000, 0))
