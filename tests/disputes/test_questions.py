"""What people are told of disputes: each one, once, wherever it is read (E1, invariants 28 and 31)."""

from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Kind
from payments.models import Attempt, Client, GatewayEvent, Notice, OperatorTask
from payments.services.alert import tell_tasks
from tests.payments.conftest import after, sent
from tests.payments.services.gateway_telling import forbid_calls, run, state_of
from tests.payments.webhooks.sending import body_of, charge_of, stored
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

ASKED = ("applied", "People were asked to answer the dispute.")


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    forbid_calls(monkeypatch)


@pytest.fixture
def paid(shop: Client) -> Attempt:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    return attempt


def disputed(attempt: Attempt, number: int, **dispute: Any) -> GatewayEvent:
    """Store the event of a dispute of the attempt's charge."""
    said = {"reason": "fraudulent", "amount": 1250, "due_by": 1_790_000_000, **dispute}
    body = body_of(f"evt_{number}", "dispute.created", charge_of(attempt), dispute=said)
    return stored(attempt, "dispute.created", number=number, reference="ch_1", body=body)


def by_charge_alone(**names: Any) -> GatewayEvent:
    body = body_of("evt_1", "dispute.created", {"object": "charge", "id": "ch_9"})
    return stored(None, "dispute.created", body=body, reference="ch_9", **names)


def test_a_dispute_asks_people_once_and_with_what_it_says(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    dispute = {"reason": "fraudulent\n\x1b[2J<b>4242 4242 4242 4242", "amount": 1250, "due_by": 1_790_000_000}
    body = body_of("evt_1", "dispute.created", charge_of(attempt), dispute=dispute)
    event = stored(attempt, "dispute.created", body=body, reference="ch_1")
    run()
    assert state_of(event) == ("applied", "People were asked to answer the dispute.")
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id, task.alerted_at) == ("dispute_received", attempt.payment_id, None)
    assert task.detail == (
        "primary event evt_1: reason fraudulent [2J<b>[number removed], amount 12.50 USD, evidence due "
        "2026-09-21 14:13 UTC."
    )
    GatewayEvent.objects.update(state="received", due_at=event.received_at)
    OperatorTask.objects.update(closed_at=event.received_at)
    run()
    assert OperatorTask.objects.count() == 1


@pytest.mark.parametrize("dispute", [None, [], {"reason": [], "amount": "12", "due_by": -1}, {"amount": 10**30}])
def test_a_dispute_that_says_little_still_asks_people(shop: Client, dispute: Any) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    body = body_of("evt_1", "dispute.created", charge_of(attempt, currency=["USD"]), dispute=dispute)
    stored(attempt, "dispute.created", body=body)
    run()
    assert OperatorTask.objects.get().detail.endswith("reason unknown, amount unknown, evidence due unknown.")


def test_a_second_dispute_joins_the_open_question_and_the_team_is_told_again(paid: Attempt, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]
    disputed(paid, 1)
    run()
    assert tell_tasks() == 1
    second = disputed(paid, 2, amount=300, due_by=1_700_000_000)
    run()
    assert state_of(second) == ASKED
    task = OperatorTask.objects.get()
    assert task.detail == (
        "primary event evt_1: reason fraudulent, amount 12.50 USD, evidence due 2026-09-21 14:13 UTC. "
        "Another: primary event evt_2: reason fraudulent, amount 3.00 USD, evidence due 2023-11-14 22:13 UTC."
    )
    said = list(Notice.objects.order_by("pk").values_list("kind", "severity", "subject"))
    assert said[1:] == [("dispute_received", "critical", f"Another dispute of payment {paid.payment_id}")]
    GatewayEvent.objects.update(state="received", due_at=Now())
    run()
    assert OperatorTask.objects.get().detail == task.detail
    assert Notice.objects.count() == 2


def test_a_second_dispute_before_the_team_heard_of_the_first_is_one_notice(paid: Attempt, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]
    disputed(paid, 1)
    disputed(paid, 2)
    run()
    assert not Notice.objects.exists()
    assert tell_tasks() == 1
    assert all(f"event evt_{number}:" in OperatorTask.objects.get().detail for number in (1, 2))
    assert Notice.objects.count() == 1


def test_a_dispute_after_the_first_question_was_closed_is_a_new_question(paid: Attempt) -> None:
    disputed(paid, 1)
    run()
    OperatorTask.objects.update(closed_at=Now())
    disputed(paid, 2)
    run()
    assert [("evt_2" in task.detail, task.closed_at is None) for task in OperatorTask.objects.order_by("pk")] == [
        (False, False),
        (True, True),
    ]


def test_a_dispute_for_which_the_open_question_has_no_place_is_asked_about_apart(paid: Attempt) -> None:
    names = [disputed(paid, 10**250 + number).event_id for number in (1, 2)]
    run()
    first, second = OperatorTask.objects.order_by("pk")
    assert (first.payment_id, first.detail.startswith(f"primary event {names[0]}: reason")) == (paid.payment_id, True)
    assert (second.payment, second.subject, second.kind) == (None, f"primary event {names[1]}", "dispute_received")
    assert second.detail.startswith(f"Payment {paid.payment_id}: primary event {names[1]}: reason fraudulent, amount")
    OperatorTask.objects.update(closed_at=Now())
    GatewayEvent.objects.update(state="received", due_at=Now())
    run()
    assert OperatorTask.objects.count() == 2
    assert set(GatewayEvent.objects.values_list("state", flat=True)) == {"applied"}


def test_disputes_whose_ids_are_long_numbers_are_told_apart(paid: Attempt) -> None:
    names = [disputed(paid, number).event_id for number in (123456789012345, 123456789012346)]
    run()
    assert all(name in OperatorTask.objects.get().detail for name in names)


def test_a_dispute_that_names_a_charge_we_learn_of_later_is_told(shop: Client) -> None:
    attempt = sent(shop)
    event = by_charge_alone()
    run()
    assert state_of(event) == ("parked", "About nothing we know yet.")
    assert not OperatorTask.objects.exists()
    after(attempt, Kind.SUCCEEDED, reference="ch_9")
    advance(61)
    run()
    assert state_of(event) == ASKED
    task = OperatorTask.objects.get()
    assert (task.kind, task.payment_id) == ("dispute_received", attempt.payment_id)


def test_a_dispute_of_a_charge_that_we_never_learn_of_goes_to_people_after_a_day(db: None) -> None:
    event = by_charge_alone()
    for _ in range(30):
        run()
        if state_of(event)[0] == "given_up":
            break
        assert (event.state, OperatorTask.objects.count()) == ("parked", 0)
        advance(3600)
    task = OperatorTask.objects.get()
    assert (state_of(event), task.kind, task.subject) == (
        ("given_up", "About nothing we know."),
        "unmatched_event",
        "primary event evt_1",
    )
    assert "dispute.created names charge ch_9" in task.detail


@pytest.mark.parametrize("names", [{"key": "their-key"}, {"payment_id": "order-17"}])
def test_a_dispute_that_names_another_systems_payment_is_ignored(db: None, names: dict[str, str]) -> None:
    event = by_charge_alone(**names)
    run()
    assert state_of(event) == ("ignored", "Names no payment of ours: another system uses the same account.")
    assert not OperatorTask.objects.exists()
