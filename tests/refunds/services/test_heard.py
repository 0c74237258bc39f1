"""What follows for a refund from what is heard about it: late, twice, out of order (D1, D2, C2)."""

import itertools
from datetime import timedelta
from typing import Any, Final

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Event, LedgerPosting, OperatorTask, Payment
from refunds.models import Refund, RefundAttempt
from refunds.services import consequences
from refunds.services.heard import heard_all
from refunds.services.request import RefundRefusedError
from tests.refunds.conftest import requested
from tests.refunds.rows import counters, disputed, paid, written
from tests.refunds.telling import asked, by_itself, claimed, claimed_again, last, news, sent, states, told
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


def test_what_the_gateway_named_once_it_had_it_is_not_proven_absent_later(shop: Client) -> None:
    refund = told(sent(shop), Kind.PENDING, "pending")
    told(refund, Kind.PENDING, "pending", reference="re_1", looked=True)
    advance(8 * DAY)
    told(refund, Kind.PENDING, "pending", looked=True)
    for _ in range(3):
        advance(DAY)
        told(refund, Kind.NOT_FOUND, looked=True)
    assert (states(refund), counters(refund.payment)) == (["processing", "unresolved"], (3000, 0))
    assert [work.granted.keys() for work in claimed_again(refund)] == [{"look_up"}]


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


@pytest.mark.parametrize("kind", [Kind.SUCCEEDED, Kind.PENDING, Kind.DECLINED])
def test_what_is_told_under_the_reference_of_another_refund_proves_nothing(shop: Client, kind: Kind) -> None:
    payment = paid(shop)
    first = told(sent(shop, 1000, "refund-1", payment), Kind.SUCCEEDED, reference="re_1")
    second = told(sent(shop, 3000, "refund-2", payment), kind, reference="re_1")
    assert (states(second), second.gateway_reference) == (["unknown", "unknown"], "")
    assert second.due_at is not None
    assert (asked(second), counters(payment)) == (["refund_mismatch"], (4000, 1000))
    assert (booked(second), states(first)) == ([], ["succeeded", "succeeded"])
    # Once however often it is told; and what the gateway says of its own then settles it.
    told(second, kind, reference="re_1", looked=True)
    assert OperatorTask.objects.get(kind="refund_mismatch").detail.count(second.pk) == 1
    told(second, Kind.SUCCEEDED, reference="re_2", looked=True)
    assert (states(second), counters(payment)) == (["succeeded", "succeeded"], (4000, 4000))


@pytest.mark.parametrize(("kind", "before", "days"), [(Kind.NOT_FOUND, 0.9, 1.1), (Kind.PENDING, 6.9, 7.1)])
def test_an_external_refund_that_is_not_done_for_long_is_a_persons_business(
    shop: Client, kind: Kind, before: float, days: float
) -> None:
    payment = paid(shop)
    refund = written(payment, 2500, state="processing", origin="gateway", gateway_reference="re_9")
    Refund.objects.update(created_at=Now() - timedelta(days=before))
    by_itself(refund, kind)
    assert asked(refund) == []
    Refund.objects.update(created_at=Now() - timedelta(days=days))
    for _ in range(2):
        row = by_itself(refund, kind)
    assert (row.state, asked(refund), counters(payment)) == ("processing", ["refund_unknown"], (2500, 0))
    assert OperatorTask.objects.get().detail.count(refund.pk) == 1
    assert row.due_at is not None
    # The end of another refund answers nothing about this one; its own does.
    other = told(sent(shop, 1000, "refund-2", payment), Kind.UNKNOWN, "read_timeout")
    RefundAttempt.objects.update(sent_at=Now() - timedelta(days=2))
    told(other, Kind.UNKNOWN, "read_timeout", looked=True)
    told(other, Kind.SUCCEEDED, reference="re_2", looked=True)
    assert asked(refund) == ["refund_unknown"]
    by_itself(refund, Kind.SUCCEEDED, reference="re_9")
    assert (asked(refund), counters(payment)) == ([], (3500, 3500))


def test_after_ten_tries_people_read_that_it_goes_on_and_that_nothing_is_paid_by_hand(shop: Client) -> None:
    refund = sent(shop)
    for _ in range(9):
        told(refund, Kind.NOT_SENT, "maintenance")
        claimed_again(refund)
    assert asked(refund) == []
    told(refund, Kind.NOT_SENT, "maintenance")
    task = OperatorTask.objects.get()
    assert (task.kind, states(refund)[0]) == ("refund_failed", "processing")
    assert "It goes on by itself: pay nothing by hand" in task.detail
    claimed_again(refund)
    told(refund, Kind.SUCCEEDED, reference="re_1")
    closed = OperatorTask.objects.get()
    assert (asked(refund), closed.closed_by) == ([], "paysite")
    assert closed.resolution == "The customer got the money by the refund itself."


def test_a_late_success_closes_the_task_that_it_had_failed(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="insufficient_balance")
    assert asked(refund) == ["refund_failed"]
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    assert asked(refund) == []


def test_a_task_about_two_refunds_is_closed_when_the_last_of_them_arrives(shop: Client) -> None:
    payment = paid(shop)
    first, second = (
        told(sent(shop, 1000, key, payment), Kind.DECLINED, decline_code="insufficient_balance")
        for key in ("refund-1", "refund-2")
    )
    told(sent(shop, 1000, "refund-3", payment), Kind.SUCCEEDED, reference="re_3")
    by_itself(first, Kind.SUCCEEDED, reference="re_1")
    assert asked(first) == ["refund_failed"]
    by_itself(second, Kind.SUCCEEDED, reference="re_2")
    assert (asked(first), counters(payment)) == ([], (3000, 3000))


def test_a_refund_that_comes_back_after_its_task_was_closed_is_asked_about_anew(shop: Client) -> None:
    refund = told(sent(shop), Kind.DECLINED, decline_code="account_closed")
    by_itself(refund, Kind.SUCCEEDED, reference="re_1")
    told(refund, Kind.DECLINED, decline_code="account_closed", looked=True)
    assert (states(refund), counters(refund.payment)) == (["failed", "bounced"], (0, 0))
    assert asked(refund) == ["refund_failed"]
    task = OperatorTask.objects.get(closed_at=None)
    assert "It had gone out, and came back." in task.detail


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
