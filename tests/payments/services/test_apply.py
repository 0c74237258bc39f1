"""The one door: what each outcome does to a payment (references: gateway outcomes; invariants 22–24)."""

import random
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Attempt, AuditEntry, Client, LedgerPosting, OperatorTask, Payment, SurplusCharge
from payments.services.apply import apply
from payments.services.claim import claim
from tests.payments.conftest import BECAUSE, accepted, after, heard, reload, sent
from tests.payments.services.attempts import state_of

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))[2:]


def test_a_success_makes_the_payment_successful_and_books_it(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.SUCCEEDED, reference="ch_1")
    assert (payment.status, payment.due_at, payment.outcome_unknown) == ("success", None, False)
    assert payment.processed_at is not None
    row = Attempt.objects.get()
    assert (row.state, row.gateway_reference) == ("succeeded", "ch_1")
    posting = LedgerPosting.objects.get()
    assert (posting.debit, posting.credit, posting.amount, posting.currency) == (
        "gateway_balance",
        "sales",
        1250,
        "USD",
    )
    assert actions() == ["attempt.succeeded", "payment.succeeded"]


def test_a_success_heard_twice_changes_nothing_the_second_time(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    before = (actions(), LedgerPosting.objects.count())
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    assert (actions(), LedgerPosting.objects.count()) == before


def test_a_success_heard_twice_in_one_group_is_booked_once(shop: Client) -> None:
    attempt = sent(shop)
    apply([heard(attempt, Kind.SUCCEEDED, reference="ch_1"), heard(attempt, Kind.SUCCEEDED, reference="ch_1")])
    assert LedgerPosting.objects.count() == 1


def test_a_decline_fails_the_payment_with_its_code(shop: Client) -> None:
    payment = after(sent(shop), Kind.DECLINED, decline_code="insufficient_funds")
    assert (payment.status, payment.error_code, payment.due_at) == ("failed", "insufficient_funds", None)
    assert not LedgerPosting.objects.exists()
    assert actions() == ["attempt.declined", "payment.failed"]


def test_a_timeout_is_unknown_and_never_failed(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.UNKNOWN, "read_timeout")
    assert (payment.status, payment.outcome_unknown) == ("processing", True)
    assert payment.due_at is not None
    assert payment.due_at > payment.updated_at
    assert state_of(attempt) == "unknown"


def test_an_unknown_outcome_is_first_asked_about_after_about_five_seconds(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, "read_timeout")
    assert payment.due_at is not None
    assert 3 <= (payment.due_at - payment.updated_at).total_seconds() <= 6.1


@pytest.mark.parametrize(
    ("kind", "more", "status"),
    [
        (Kind.SUCCEEDED, {"reference": "ch_1"}, "success"),
        (Kind.DECLINED, {"decline_code": "expired_card"}, "failed"),
        (Kind.ACTION_REQUIRED, {"action_url": "https://bank.test/3ds"}, "requires_action"),
    ],
)
def test_a_better_answer_replaces_unknown(shop: Client, kind: Kind, more: dict[str, str], status: str) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    payment = after(attempt, kind, looked=True, **more)
    assert (payment.status, payment.outcome_unknown) == (status, False)


@pytest.mark.parametrize("worse", [Kind.UNKNOWN, Kind.NOT_SENT, Kind.REJECTED, Kind.NOT_FOUND, Kind.DECLINED])
def test_a_worse_answer_never_replaces_a_success(shop: Client, worse: Kind) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    payment = after(attempt, worse, decline_code="expired_card")
    assert (payment.status, payment.outcome_unknown, payment.due_at) == ("success", False, None)
    assert state_of(attempt) == "succeeded"


@pytest.mark.parametrize("weak", [Kind.NOT_SENT, Kind.REJECTED])
def test_after_unknown_only_proof_closes_an_attempt(shop: Client, weak: Kind) -> None:
    """A send again that did not get through says nothing about the first send."""
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    payment = after(attempt, weak)
    assert (payment.status, payment.outcome_unknown) == ("processing", True)
    assert state_of(attempt) == "unknown"


def test_what_was_provably_not_sent_is_tried_at_the_other_gateway_at_once(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.NOT_SENT, "refused")
    assert (payment.status, payment.retry_count, payment.error_code) == ("retrying", 1, "gateway_unavailable")
    assert payment.due_at is not None
    assert payment.due_at == payment.updated_at
    assert state_of(attempt) == "not_sent"


def test_retry_after_is_honoured(shop: Client, settings: Any) -> None:
    settings.GATEWAYS = settings.GATEWAYS[:1]
    payment = after(sent(shop), Kind.NOT_SENT, "rate_limited", retry_after=90)
    assert payment.due_at is not None
    assert (payment.due_at - payment.updated_at).total_seconds() == 90


def test_tries_end_with_a_failure_that_says_nothing_was_charged(shop: Client) -> None:
    payment = accepted(shop)
    for _ in range(5):
        Payment.objects.update(due_at=Now())
        [work] = claim(limit=1, because=BECAUSE)
        after(work.attempt, Kind.NOT_SENT, "refused")
    ended = reload(payment)
    assert (ended.status, ended.error_code, ended.retry_count) == ("failed", "gateway_unavailable", 4)
    assert (ended.level, Attempt.objects.filter(state="not_sent").count()) == (6, 5)


def test_our_own_mistake_is_not_tried_again_and_asks_a_person(shop: Client) -> None:
    payment = after(sent(shop), Kind.REJECTED, "http_400", alert=True)
    assert (payment.status, payment.error_code) == ("failed", "gateway_rejected")
    assert OperatorTask.objects.get().kind == "rejected"


def test_a_reply_for_another_amount_stays_unknown_and_asks_a_person(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.UNKNOWN, "amount_mismatch", alert=True)
    assert (payment.status, payment.outcome_unknown) == ("processing", True)
    assert OperatorTask.objects.get().kind == "mismatch"


def test_two_charges_under_one_key_are_a_success_that_asks_a_person(shop: Client) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED, "duplicate_charges", reference="ch_1", alert=True)
    assert payment.status == "success"
    assert OperatorTask.objects.get().kind == "contradiction"
    assert LedgerPosting.objects.count() == 1


def test_the_same_question_is_not_asked_twice(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "amount_mismatch", alert=True)
    after(attempt, Kind.UNKNOWN, "amount_mismatch", alert=True, looked=True)
    assert OperatorTask.objects.count() == 1


def test_the_customer_is_sent_to_confirm(shop: Client) -> None:
    attempt = sent(shop)
    payment = after(attempt, Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    assert (payment.status, payment.action_url) == ("requires_action", "https://bank.test/3ds")
    assert state_of(attempt) == "action_required"
    assert after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1").status == "success"


def test_a_late_success_is_believed_while_the_order_is_unpaid(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.DECLINED, decline_code="issuer_unavailable")
    payment = after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1")
    assert (payment.status, payment.error_code) == ("success", "")


def test_a_late_success_of_an_order_that_is_being_paid_otherwise_is_to_be_given_back(shop: Client) -> None:
    first = sent(shop, "first-key")
    after(first, Kind.DECLINED, decline_code="insufficient_funds")
    second = accepted(shop, "second-key", token="tok_other")
    assert after(first, Kind.SUCCEEDED, looked=True, reference="ch_1").status == "failed"
    assert OperatorTask.objects.get().kind == "late_success"
    assert SurplusCharge.objects.get().gateway_reference == "ch_1"
    assert reload(second).status == "pending"


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_the_same_news_ends_in_one_state(shop: Client, seed: int) -> None:
    attempt = sent(shop)
    news = [
        heard(attempt, Kind.UNKNOWN, "read_timeout"),
        heard(attempt, Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds"),
        heard(attempt, Kind.SUCCEEDED, reference="ch_1"),
        heard(attempt, Kind.SUCCEEDED, reference="ch_1"),
        heard(attempt, Kind.UNKNOWN, "http_500"),
    ]
    random.Random(seed).shuffle(news)
    for one in news:
        apply([one])
    assert Payment.objects.get().status == "success"
    assert state_of(attempt) == "succeeded"
    assert LedgerPosting.objects.count() == 1


def test_the_trail_folds_to_the_row(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    payment = after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1")
    state = ""
    for entry in AuditEntry.objects.filter(entity_id=payment.pk).order_by("id"):
        assert entry.before == state
        state = entry.after
    assert state == payment.status == "success"
