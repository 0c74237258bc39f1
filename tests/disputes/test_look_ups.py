"""What a gateway answers about a dispute, or does not: no payment is frozen for ever, and none set free too early."""

from dataclasses import replace
from typing import Any

import pytest
from django.db.models.functions import Now

from disputes import outcomes
from disputes.models import Dispute
from disputes.services import claim as errand
from disputes.services.heard import heard
from disputes.services.sweep import sweep
from payments.clock import database_now
from payments.gateways.after_capture import DisputeReport
from payments.models import AuditEntry, Circuit, Client, OperatorTask
from payments.reliability import calls
from payments.services.settle import Settler
from tests.disputes.conftest import closed, disputed, held, opened, tell
from tests.payments.conftest import BECAUSE
from tests.payments.services.conftest import Gateways
from tests.refunds.conftest import captured
from tests.refunds.gateway_telling import apply_events, count_calls, fates, happened, later, receive
from tests.refunds.journey import Journey

pytestmark = pytest.mark.django_db(transaction=True)


def again(dispute: Dispute) -> Dispute:
    return Dispute.objects.get(pk=dispute.pk)


def wait_of(dispute: Dispute) -> float:
    """Return in how many seconds the gateway is asked again."""
    due_at = again(dispute).due_at
    assert due_at is not None
    return (due_at - database_now()).total_seconds()


def report_of(dispute: Dispute, status: str, **changes: Any) -> DisputeReport:
    report = DisputeReport(
        status,
        reference=dispute.gateway_reference,
        charge=dispute.charge.gateway_reference,
        payment_id=dispute.payment_id,
        amount=dispute.amount,
        currency=dispute.currency,
    )
    return replace(report, **changes)


def answered(dispute: Dispute, report: DisputeReport) -> Dispute:
    """Let the gateway answer now; return the dispute as it is then."""
    heard(dispute.pk, report, BECAUSE, again(dispute).fence)
    return again(dispute)


def test_a_dispute_whose_end_nobody_told_is_asked_about_once_a_day(journey: Journey) -> None:
    dispute = opened(journey)
    journey.gateway.control(f"disputes/{dispute.gateway_reference}/close", status="won")
    assert 0.7 * 86_400 < wait_of(dispute) < 1.3 * 86_400
    later(journey.settler, 1.3 * 86_400)
    assert (again(dispute).status, held(journey)) == ("won", (0, 0))


def test_a_dispute_that_the_gateway_does_not_know_is_closed_at_the_second_answer(journey: Journey) -> None:
    disputed(journey)
    (event,) = happened(journey.gateway, journey.payment, "dispute.")
    event["data"]["dispute"]["id"] = "dp_nowhere"
    receive([event])
    journey.settler.drain()
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.trouble, held(journey)) == ("needs_response", "not_found", (10_000, 0))
    assert 290 < wait_of(dispute) <= 300
    receive([{**event, "id": "evt_again"}])
    journey.settler.drain()
    assert (again(dispute).status, again(dispute).looks) == ("needs_response", 1)
    later(journey.settler, 301)
    dispute = again(dispute)
    assert (dispute.status, dispute.due_at, held(journey)) == ("closed", None, (0, 0))
    assert journey.tasks() == ["contradiction"]
    assert AuditEntry.objects.filter(entity_id=dispute.pk, action="dispute.closed").count() == 1


def test_while_the_gateway_says_nothing_the_payment_stays_frozen_and_is_asked_about_again(journey: Journey) -> None:
    journey.gateway.arm("status", operation="dispute_look_up", params={"status": 503})
    dispute = opened(journey)
    assert (dispute.confirmed_at, dispute.status, held(journey)) == (None, "needs_response", (10_000, 0))
    assert dispute.trouble
    assert wait_of(dispute) < 30
    journey.gateway.clear_faults()
    later(journey.settler, 30)
    assert (again(dispute).trouble, again(dispute).confirmed_at is not None) == ("", True)


def test_an_old_dispute_about_which_nothing_is_known_is_asked_about_at_least_daily(journey: Journey) -> None:
    dispute = opened(journey)
    Dispute.objects.update(opened_at="2026-01-01T00:00:00Z")
    answered(dispute, DisputeReport("unknown", trouble="schema"))
    assert 86_000 < wait_of(dispute) <= 86_400
    answered(dispute, DisputeReport("unknown", trouble="read_timeout", opens_breaker=True))
    assert wait_of(dispute) <= 360


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"reference": "dp_other"}, "reference_mismatch"),
        ({"charge": "ch_other"}, "charge_mismatch"),
        ({"payment_id": "pay_other"}, "payment_mismatch"),
        ({"currency": "EUR"}, "currency_mismatch"),
        ({"amount": 0}, "amount_mismatch"),
        ({"live": True}, "mode_mismatch"),
    ],
)
def test_an_answer_about_another_dispute_sets_nothing_free(
    journey: Journey, changes: dict[str, Any], trouble: str
) -> None:
    dispute = answered(opened(journey), report_of(Dispute.objects.get(), "won", **changes))
    assert (dispute.status, dispute.trouble, held(journey)) == ("needs_response", trouble, (10_000, 0))
    assert journey.tasks() == ["dispute_received", "mismatch"]
    assert wait_of(dispute) < 30


def test_an_answer_to_an_older_question_is_not_believed(journey: Journey) -> None:
    dispute = closed(journey, opened(journey), "won")
    heard(dispute.pk, report_of(dispute, "open"), BECAUSE, dispute.fence - 1)
    assert (again(dispute).status, held(journey)) == ("won", (0, 0))


def test_a_dispute_that_goes_on_freezes_its_payment_again(journey: Journey) -> None:
    dispute = closed(journey, opened(journey), "won")
    dispute = answered(dispute, report_of(dispute, "open"))
    assert (dispute.status, dispute.closed_at, held(journey)) == ("needs_response", None, (10_000, 0))
    dispute = answered(dispute, report_of(dispute, "lost"))
    assert (dispute.status, held(journey)) == ("lost", (0, 10_000))


def test_a_confirmed_amount_that_makes_it_a_double_loss_is_told(journey: Journey) -> None:
    journey.refund(5000)
    dispute = opened(journey, amount=5000)
    assert journey.tasks() == ["dispute_received"]
    answered(dispute, report_of(dispute, "open", amount=5001))
    assert (held(journey), journey.tasks()) == ((5001, 0), ["dispute_received", "double_loss"])


def test_an_event_that_comes_while_the_gateway_is_being_asked_waits(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispute = opened(journey)
    Dispute.objects.update(due_at=Now())
    (ask,) = errand.claim(BECAUSE, 8)
    write = ask()
    journey.gateway.control(f"disputes/{dispute.gateway_reference}/close", status="lost")
    tell(journey)
    apply_events()
    assert fates()[1:] == [("received", "The gateway is being asked about the dispute.")]
    write()
    assert again(dispute).status == "needs_response"
    later(journey.settler, 3)
    assert (again(dispute).status, fates()[1:]) == ("lost", [("applied", "The gateway is asked.")])


def test_a_gateway_that_left_the_settings_is_not_asked_and_the_dispute_is_kept(
    shop: Client, gateways: Gateways, settler: Settler, monkeypatch: pytest.MonkeyPatch
) -> None:
    journey = Journey(gateways.primary, settler, captured(shop, settler))
    disputed(journey)
    gateways.remove("primary")
    counted = count_calls(monkeypatch)
    tell(journey)
    settler.drain()
    dispute = Dispute.objects.get()
    assert (dispute.status, dispute.trouble, held(journey), counted) == (
        "needs_response",
        "no_gateway",
        (10_000, 0),
        {},
    )
    assert wait_of(dispute) > 86_000


def test_while_the_breaker_is_open_nobody_is_asked(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    Circuit.objects.create(gateway="primary", operation="look_up", state="open", opened_at=Now(), held="open")
    counted = count_calls(monkeypatch)
    dispute = opened(journey)
    assert (counted, dispute.claimed_until, dispute.confirmed_at) == ({}, None, None)
    assert wait_of(dispute) > 0


def test_a_look_up_that_raises_is_asked_again(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> DisputeReport:
        raise RuntimeError("a defect")

    monkeypatch.setattr(calls, "look_up_dispute", broken)
    dispute = opened(journey)
    assert (dispute.trouble, dispute.status, held(journey)) == ("defect", "needs_response", (10_000, 0))
    assert wait_of(dispute) < 30


def test_the_sweep_makes_forgotten_disputes_due(journey: Journey) -> None:
    dispute = opened(journey)
    assert sweep(None) == 0
    Dispute.objects.update(due_at=None)
    assert (sweep(journey.payment.client_id + 1), sweep(journey.payment.client_id)) == (0, 1)
    assert again(dispute).due_at is not None
    closed(journey, dispute, "won")
    assert (sweep(None), OperatorTask.objects.filter(kind="contradiction").count()) == (0, 0)


def test_an_event_about_a_dispute_that_somebody_has_locked_waits_for_no_lock(
    journey: Journey, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispute = opened(journey)
    due_at = again(dispute).due_at
    journey.gateway.control(f"disputes/{dispute.gateway_reference}/close", status="lost")
    tell(journey)
    with monkeypatch.context() as busy:
        busy.setattr(outcomes, "dispute_if_free", lambda _: None)
        apply_events()
    assert fates()[1:] == [("received", "Somebody is at work on the dispute.")]
    assert (again(dispute).status, again(dispute).due_at) == ("needs_response", due_at)
    later(journey.settler, 3)
    assert (again(dispute).status, fates()[1:]) == ("lost", [("applied", "The gateway is asked.")])
