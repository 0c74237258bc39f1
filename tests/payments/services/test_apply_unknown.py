"""How long an outcome stays unknown: until it is proven, or a person is asked (references: gateway outcomes)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Attempt, Client, LedgerPosting, OperatorTask
from tests.payments.conftest import after, sent
from tests.payments.services.attempts import age, state_of

pytestmark = pytest.mark.django_db


def test_one_not_found_proves_nothing(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, days=1)
    after(attempt, Kind.NOT_FOUND, looked=True)
    assert state_of(attempt) in {"unknown", "unresolved"}


def test_two_not_founds_after_the_window_prove_that_nothing_was_charged(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, minutes=30)
    after(attempt, Kind.NOT_FOUND, looked=True)
    Attempt.objects.update(not_found_at=Now() - timedelta(minutes=6))
    payment = after(attempt, Kind.NOT_FOUND, looked=True)
    assert state_of(attempt) == "not_found"
    assert (payment.status, payment.outcome_unknown) == ("retrying", False)


def test_two_not_founds_close_together_prove_nothing(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, minutes=30)
    after(attempt, Kind.NOT_FOUND, looked=True)
    payment = after(attempt, Kind.NOT_FOUND, looked=True)
    assert state_of(attempt) == "unknown"
    assert payment.outcome_unknown


def test_two_not_founds_within_the_late_arrival_window_prove_nothing(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, minutes=8)
    Attempt.objects.update(not_found_at=Now() - timedelta(minutes=7))
    after(attempt, Kind.NOT_FOUND, looked=True)
    assert state_of(attempt) == "unknown"


def test_sending_again_opens_the_late_arrival_window_anew(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, hours=2)
    Attempt.objects.update(last_sent_at=Now() - timedelta(minutes=8), not_found_at=Now() - timedelta(minutes=7))
    after(attempt, Kind.NOT_FOUND, looked=True)
    assert state_of(attempt) == "unknown"


def test_after_a_day_of_not_knowing_a_person_is_asked_and_nothing_is_failed(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, hours=25)
    payment = after(attempt, Kind.UNKNOWN, "read_timeout", looked=True)
    assert (payment.status, payment.review_reason, payment.outcome_unknown) == ("review", "unknown_too_long", True)
    assert state_of(attempt) == "unresolved"
    assert OperatorTask.objects.get().kind == "unknown_too_long"
    assert payment.due_at is not None


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.NOT_FOUND])
def test_an_attempt_of_workers_that_were_down_for_a_day_is_unknown_first(shop: Client, kind: Kind) -> None:
    attempt = sent(shop)
    age(attempt, hours=25)
    payment = after(attempt, kind, looked=True)
    assert (payment.status, payment.outcome_unknown, state_of(attempt)) == ("processing", True, "unknown")
    assert after(attempt, Kind.UNKNOWN, "read_timeout", looked=True).status == "review"


def test_a_payment_in_review_is_still_asked_about_and_can_succeed(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, hours=25)
    after(attempt, Kind.UNKNOWN, "read_timeout", looked=True)
    assert after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1").status == "success"
    assert LedgerPosting.objects.count() == 1


def test_the_question_to_people_is_closed_when_the_gateway_answers(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    age(attempt, hours=25)
    after(attempt, Kind.UNKNOWN, "read_timeout", looked=True)
    after(attempt, Kind.SUCCEEDED, looked=True, reference="ch_1")
    task = OperatorTask.objects.get()
    assert task.closed_at is not None
    assert (task.closed_by, task.resolution) == ("paysite", "The gateway answered.")
