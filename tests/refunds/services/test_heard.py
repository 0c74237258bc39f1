"""What follows for a refund from what is heard about it: late, twice, out of order (D1, D2, C2)."""

import itertools
from typing import Any, Final

import pytest

from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Event, LedgerPosting, OperatorTask, Payment
from refunds.models import Refund
from refunds.services.request import RefundRefusedError
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, disputed, paid, written
from tests.refunds.telling import asked, by_itself, claimed, claimed_again, last, sent, states, told
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db

DAY: Final = 24 * 3600


def booked(refund: Refund) -> list[tuple[str, str, int]]:
    rows = LedgerPosting.objects.filter(entity_id=refund.pk).order_by("id")
    return list(rows.values_list("debit", "credit", "amount"))


def published(refund: Refund) -> list[str]:
    events = Event.objects.filter(payment_id=refund.payment_id, type__startswith="refund.").order_by("sequence")
    return list(events.values_list("type", flat=True))


def test_a_success_heard_twice_is_booked_and_told_once(shop: Client) -> None:
    refund = sent(shop)
    told(refund, Kind.SUCCEEDED, reference="re_1")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert booked(refund) == [("refunds", "gateway_balance", 3000)]
    assert published(refund) == ["refund.created", "refund.processing", "refund.succeeded"]
    assert (asked(refund), counters(refund.payment)) == ([], (3000, 3000))


def test_a_pending_refund_is_neither_unknown_nor_done(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    assert (states(refund), refund.gateway_reference) == (["processing", "pending"], "re_1")
    assert (counters(refund.payment), booked(refund)) == ((3000, 0), [])
    assert refund.due_at is not None
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]


@pytest.mark.parametrize(
    ("kind", "more", "expected", "money"),
    [
        (Kind.SUCCEEDED, {}, ["succeeded", "succeeded"], (3000, 3000)),
        (Kind.DECLINED, {"decline_code": "account_closed"}, ["failed", "declined"], (0, 0)),
    ],
)
def test_a_pending_refund_ends_as_the_gateway_says(
    shop: Client, kind: Kind, more: dict[str, Any], expected: list[str], money: tuple[int, int]
) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    told(refund, kind, reference="re_1", looked=True, **more)
    assert (states(refund), counters(refund.payment)) == (expected, money)


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.NOT_FOUND, Kind.NOT_SENT, Kind.REJECTED])
def test_a_pending_refund_stays_so_whatever_a_look_up_fails_to_see(shop: Client, kind: Kind) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    for _ in range(3):
        advance(3600)
        told(refund, kind, looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "pending"], (3000, 0))


def test_a_refund_pending_for_a_week_is_a_persons_business_and_stays_open(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    advance(8 * DAY)
    refund = told(refund, Kind.PENDING, "pending", reference="re_1", looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "unresolved"], (3000, 0))
    assert asked(refund) == ["refund_unknown"]
    # Another refund of the same payment that ends well answers nothing about this one.
    other = requested(refund.payment, 1000, "refund-2")
    claimed()
    told(other, Kind.SUCCEEDED, reference="re_2")
    assert asked(refund) == ["refund_unknown"]
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == []
    assert counters(refund.payment) == (4000, 4000)


def test_a_pending_refund_of_no_name_that_nobody_finds_any_more_goes_out_anew(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending")
    advance(8 * DAY)
    told(refund, Kind.PENDING, "pending", looked=True)
    advance(DAY)
    told(refund, Kind.NOT_FOUND, looked=True)
    advance(DAY)
    told(refund, Kind.NOT_FOUND, looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "not_found"], (3000, 0))
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"refund"}]


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


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.NOT_FOUND, Kind.NOT_SENT, Kind.REJECTED, Kind.PENDING])
@pytest.mark.parametrize("end", [Kind.SUCCEEDED, Kind.DECLINED])
def test_a_better_answer_is_not_replaced_by_a_worse_one(shop: Client, end: Kind, kind: Kind) -> None:
    refund = told(sent(shop), end, reference="re_1", decline_code="account_closed")
    before = states(refund), counters(refund.payment), booked(refund)
    told(refund, kind, looked=True)
    by_itself(refund, kind)
    assert (states(refund), counters(refund.payment), booked(refund)) == before


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


def test_too_much_at_the_gateway_itself_fails_and_asks_people(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="amount_exceeds_refundable")
    assert (refund.state, refund.error_code) == ("failed", "amount_exceeds_refundable")
    assert (counters(refund.payment), asked(refund)) == ((0, 0), ["refund_failed"])


def test_a_refund_that_goes_out_over_an_open_dispute_is_a_double_loss(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000)
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == ["double_loss"]
    assert counters(refund.payment) == (3000, 3000)


def test_a_refund_that_goes_out_after_the_dispute_was_lost_is_a_double_loss(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000, "lost")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == ["double_loss"]


def test_a_refund_beside_a_lost_dispute_of_the_rest_is_no_double_loss(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 7000, "lost")
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    assert asked(refund) == []


def test_a_dispute_that_opens_before_a_refund_leaves_stops_it(shop: Client) -> None:
    payment = paid(shop)
    refund = requested(payment, 3000)
    disputed(payment, 10_000)
    assert claimed() == []
    refund = Refund.objects.get()
    assert (refund.state, refund.error_code, counters(payment)) == ("rejected", "payment_disputed", (0, 0))


def test_a_dispute_that_opens_while_a_refund_is_unknown_stops_it_from_being_sent_again(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    disputed(refund.payment, 10_000)
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]
    with pytest.raises(RefundRefusedError):
        requested(refund.payment, 1, "refund-2")


def test_a_refund_that_waited_beyond_the_window_is_called_off(shop: Client) -> None:
    payment = paid(shop)
    requested(payment, 3000)
    Payment.objects.update(processed_at="2020-01-01T00:00:00+00:00")
    assert claimed() == []
    refund = Refund.objects.get()
    assert (refund.state, refund.error_code, counters(payment)) == ("rejected", "refund_window_over", (0, 0))
    assert asked(refund) == ["refund_failed"]


def test_a_refund_that_is_never_taken_is_told_to_people_in_the_end(shop: Client) -> None:
    """Each time proven absent, each time sent anew: the machine goes on, and somebody knows."""
    refund = sent(shop)
    for _ in range(10):
        told(refund, Kind.UNKNOWN, "read_timeout")
        advance(60)
        told(refund, Kind.NOT_FOUND, looked=True)
        advance(1200)
        told(refund, Kind.NOT_FOUND, looked=True)
        claimed_again(refund)
    assert states(refund) == ["processing", *["not_found"] * 10, "sent"]
    assert asked(refund) == ["refund_failed"]
    assert counters(refund.payment) == (3000, 0)


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


def test_a_second_refund_at_the_gateway_under_one_key_is_a_question_to_people(shop: Client) -> None:
    refund = told(sent(shop), Kind.SUCCEEDED, reference="re_1")
    told(refund, Kind.SUCCEEDED, reference="re_2", looked=True)
    assert asked(refund) == ["refund_mismatch"]
    assert (Refund.objects.get().gateway_reference, len(booked(refund))) == ("re_1", 1)


def test_questions_are_closed_when_the_gateway_answers(shop: Client) -> None:
    refund = told(sent(shop), Kind.UNKNOWN, "read_timeout")
    advance(25 * 3600)
    told(refund, Kind.UNKNOWN, "read_timeout", looked=True)
    assert (states(refund), asked(refund)) == (["unknown", "unresolved"], ["refund_unknown"])
    told(refund, Kind.SUCCEEDED, reference="re_1", looked=True)
    closed = OperatorTask.objects.get(kind="refund_unknown")
    assert (closed.closed_by, asked(refund)) == ("paysite", [])


def test_the_attempts_gateway_reference_is_kept(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending", reference="re_1")
    assert last(refund).gateway_reference == "re_1"
