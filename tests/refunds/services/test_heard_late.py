"""News after the end of a refund: it comes back, or it happened after all (requirements D1, D2, C2)."""

import pytest

from payments.gateways.base import Kind
from payments.models import AuditEntry, Client
from tests.refunds.conftest import requested
from tests.refunds.rows import counters
from tests.refunds.telling import asked, booked, by_itself, claimed_again, published, sent, states, told

pytestmark = pytest.mark.django_db


def test_a_refund_that_comes_back_releases_its_amount_and_is_booked_back(shop: Client) -> None:
    refund = told(sent(shop), Kind.SUCCEEDED, reference="re_1")
    refund = told(refund, Kind.DECLINED, "failed", reference="re_1", decline_code="account_closed", looked=True)
    assert (states(refund), refund.error_code) == (["failed", "bounced"], "account_closed")
    assert counters(refund.payment) == (0, 0)
    assert booked(refund) == [("refunds", "gateway_balance", 3000), ("gateway_balance", "refunds", 3000)]
    assert published(refund)[-2:] == ["refund.succeeded", "refund.failed"]
    assert asked(refund) == ["refund_failed"]
    assert requested(refund.payment, 10_000, "refund-2").state == "requested"


def test_a_bounce_heard_twice_is_booked_once(shop: Client) -> None:
    refund = told(sent(shop), Kind.SUCCEEDED, reference="re_1")
    for _ in range(2):
        told(refund, Kind.DECLINED, "failed", reference="re_1", decline_code="account_closed", looked=True)
    assert (counters(refund.payment), len(booked(refund))) == ((0, 0), 2)
    assert published(refund).count("refund.failed") == 1


def test_a_refund_that_happened_after_it_failed_is_believed(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="insufficient_balance")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert (states(refund), counters(refund.payment)) == (["succeeded", "succeeded"], (3000, 3000))
    assert booked(refund) == [("refunds", "gateway_balance", 3000)]
    trail = AuditEntry.objects.filter(entity_id=refund.pk).order_by("id").values_list("action", flat=True)
    assert list(trail)[-1] == "refund.succeeded_late"


def test_a_refund_that_happened_after_its_amount_was_given_to_others_is_a_question_to_people(shop: Client) -> None:
    refund = told(sent(shop, 6000), Kind.DECLINED, decline_code="insufficient_balance")
    requested(refund.payment, 10_000, "refund-2")
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert (states(refund)[0], counters(refund.payment)) == ("failed", (10_000, 0))
    assert booked(refund) == []
    assert asked(refund) == ["refund_failed", "refund_mismatch"]


def test_news_out_of_order_ends_as_the_gateway_is_asked(shop: Client) -> None:
    """A bounce that is heard before the success it undoes: the success alone is not the last word."""
    refund = sent(shop)
    told(refund, Kind.UNKNOWN, "read_timeout")
    by_itself(refund, Kind.DECLINED, "failed", reference="re_1", decline_code="account_closed")
    refund = by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert refund.due_at is not None
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]
    refund = told(refund, Kind.DECLINED, "failed", reference="re_1", decline_code="account_closed", looked=True)
    assert (refund.state, refund.due_at, counters(refund.payment)) == ("failed", None, (0, 0))


def test_after_such_a_success_one_look_that_agrees_is_enough(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="insufficient_balance")
    refund = by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    claimed_again(refund)
    refund = told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert (refund.state, refund.due_at, refund.claimed_until) == ("succeeded", None, None)


def test_a_failed_refund_that_the_gateway_says_is_under_way_is_asked_about_again(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="insufficient_balance")
    refund = by_itself(refund, Kind.PENDING, "pending", reference="re_1")
    assert (refund.state, counters(refund.payment)) == ("failed", (0, 0))
    assert refund.due_at is not None
