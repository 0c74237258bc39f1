"""What follows for a refund from what is heard about it: twice, in any order, worse after better (D1, D2, C2)."""

import itertools
from typing import Any, Final

import pytest

from payments.gateways.base import Kind
from payments.models import Client
from refunds.services import consequences
from refunds.services.heard import heard_all
from tests.refunds.rows import counters, paid, written
from tests.refunds.telling import asked, booked, by_itself, last, news, published, sent, states, told

pytestmark = pytest.mark.django_db


def test_a_success_heard_twice_is_booked_and_told_once(shop: Client) -> None:
    refund = sent(shop)
    told(refund, Kind.SUCCEEDED, reference="re_1")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert booked(refund) == [("refunds", "gateway_balance", 3000)]
    assert published(refund) == ["refund.created", "refund.processing", "refund.succeeded"]
    assert (asked(refund), counters(refund.payment)) == ([], (3000, 3000))


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.NOT_FOUND, Kind.NOT_SENT, Kind.REJECTED, Kind.PENDING])
@pytest.mark.parametrize("end", [Kind.SUCCEEDED, Kind.DECLINED])
def test_a_better_answer_is_not_replaced_by_a_worse_one(shop: Client, end: Kind, kind: Kind) -> None:
    refund = told(sent(shop), end, reference="re_1", decline_code="account_closed")
    before = states(refund), counters(refund.payment), booked(refund)
    told(refund, kind, looked=True)
    by_itself(refund, kind)
    assert (states(refund), counters(refund.payment), booked(refund)) == before


def test_too_much_at_the_gateway_itself_fails_and_asks_people(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="amount_exceeds_refundable")
    assert (refund.state, refund.error_code) == ("failed", "amount_exceeds_refundable")
    assert (counters(refund.payment), asked(refund)) == ((0, 0), ["refund_failed"])


_ENDS: Final = [
    (Kind.PENDING, {"reference": "re_1"}),
    (Kind.SUCCEEDED, {"reference": "re_1"}),
    (Kind.UNKNOWN, {}),
    (Kind.NOT_FOUND, {}),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(len(_ENDS)))))
def test_every_order_of_the_same_news_ends_alike(shop: Client, order: tuple[int, ...]) -> None:
    refund = sent(shop)
    for number in order:
        kind, more = _ENDS[number]
        by_itself(refund, kind, **more)
    assert (states(refund), counters(refund.payment)) == (["succeeded", "succeeded"], (3000, 3000))
    assert (len(booked(refund)), asked(refund)) == (1, [])


def test_news_of_an_external_refund_needs_no_attempt(shop: Client) -> None:
    payment = paid(shop)
    refund = written(payment, 2500, state="processing", origin="gateway", gateway_reference="re_9")
    refund = by_itself(refund, Kind.SUCCEEDED, reference="re_9")
    assert (refund.state, counters(payment)) == ("succeeded", (2500, 2500))
    refund = by_itself(refund, Kind.DECLINED, "failed", reference="re_9", decline_code="account_closed")
    assert (refund.state, counters(payment)) == ("failed", (0, 0))


def test_the_attempts_gateway_reference_is_kept(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    assert last(refund).gateway_reference == "re_1"


def test_news_that_was_written_is_not_written_again_when_later_news_cannot_be(
    shop: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = paid(shop)
    first, second = sent(shop, 1000, "refund-1", payment), sent(shop, 2000, "refund-2", payment)
    batch = [news(refund, Kind.UNKNOWN, "read_timeout", looked=True) for refund in (first, second)]
    of = consequences.of

    def broken(change: Any, *rest: Any) -> None:
        if change.refund.pk == second.pk:
            raise RuntimeError("a defect")
        of(change, *rest)

    monkeypatch.setattr(consequences, "of", broken)
    heard_all(batch)
    assert (last(first).looks, last(second).looks) == (1, 0)
    assert (states(first), states(second)) == (["unknown", "unknown"], ["processing", "sent"])
