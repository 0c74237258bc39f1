"""What the team is told of by itself: tasks for operators, and breakers (requirement G7)."""

from typing import Any

import pytest

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, Notice, OperatorTask
from payments.reliability import breaker, circuit_rules
from payments.reliability.breaker import Pass, Report
from payments.services import alert
from payments.services.notices import Notices
from tests.payments.conftest import after, sent
from tests.payments.services.telling import send

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _team(settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@shop.test"]


def test_a_task_becomes_one_notice_with_what_it_is_about(shop: Client) -> None:
    payment = after(sent(shop), Kind.REJECTED, "rejected", alert=True)
    task = OperatorTask.objects.get()
    assert alert.anything_to_tell()
    assert (alert.tell_tasks(), alert.tell_tasks(), alert.anything_to_tell()) == (1, 0, False)
    notice = Notice.objects.get()
    assert (notice.kind, notice.key, notice.severity) == ("rejected", f"task:{task.pk}", "warning")
    assert notice.subject == f"Gateway refused our request: payment {payment.pk}, order order-1"
    assert notice.path == f"/admin/payments/operatortask/{task.pk}/change/"
    task.refresh_from_db()
    assert task.alerted_at is not None


def test_a_task_about_no_payment_names_its_subject(db: None) -> None:
    OperatorTask.objects.create(kind="unmatched_event", subject="primary: evt_1", detail="stolen_card")
    alert.tell_tasks()
    notice = Notice.objects.get()
    assert notice.subject == "Gateway's event is about nothing we know: primary: evt_1"
    assert "stolen_card" not in f"{notice.subject}{notice.text}"


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        *(("dispute_received", "critical"), ("duplicate_charge", "critical"), ("taken_back", "critical")),
        *(("not_given_back", "critical"), ("unknown_too_long", "warning"), ("late_success", "warning")),
    ],
)
def test_money_in_the_wrong_place_is_critical(db: None, kind: str, severity: str) -> None:
    OperatorTask.objects.create(kind=kind, subject="x", detail="x")
    alert.tell_tasks()
    assert Notice.objects.get().severity == severity


def test_a_task_whose_notice_could_not_be_written_is_told_later(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    OperatorTask.objects.create(kind="taken_back", subject="x", detail="x")

    def die(*_: Any) -> None:
        raise RuntimeError("the process died here")

    with monkeypatch.context() as patch:
        patch.setattr(alert, "tell", die)
        with pytest.raises(RuntimeError):
            alert.tell_tasks()
    assert (alert.anything_to_tell(), Notice.objects.count()) == (True, 0)
    assert alert.tell_tasks() == 1


def test_the_outbox_tells_tasks_without_anybody_asking(db: None, mailoutbox: list[Any]) -> None:
    OperatorTask.objects.create(kind="taken_back", subject="charge 7", detail="x")
    send(Notices())
    assert [message.subject for message in mailoutbox] == [
        "Paysite: [critical] A paid charge was undone at the gateway: charge 7"
    ]


def fail(times: int, operation: str = "charge") -> None:
    for failures in range(times):
        granted = Pass("primary", operation, 0, trial=False, failures=failures)
        breaker.record([Report(granted, failed=True, reason="refused")])


def told() -> list[tuple[str, str, str]]:
    return list(Notice.objects.order_by("pk").values_list("kind", "severity", "subject"))


def test_a_breaker_that_opens_and_closes_again_is_told(db: None, settings: Any) -> None:
    settings.BREAKER_FAILURES = 3
    fail(2)
    assert told() == []
    fail(1)
    assert told() == [("breaker_opened", "warning", "Breaker opened: primary (charges)")]
    assert Notice.objects.get().text == "3 failures in a row: refused"
    breaker.change("primary", "charge", _closed_by_trials)
    assert told()[1:] == [("breaker_closed", "info", "Breaker closed again: primary (charges)")]


def _closed_by_trials(circuit: Any, now: Any) -> Any:
    """Do what the last good trial does."""
    circuit.state = circuit_rules.HALF_OPEN
    return circuit_rules._close(circuit, "3 trial calls came back well", "paysite", now)


def test_what_an_operator_does_to_a_breaker_is_no_news(db: None) -> None:
    breaker.change("primary", "charge", lambda circuit, now: circuit_rules.hold(circuit, "open", "test", "anna", now))
    breaker.change("primary", "charge", lambda circuit, now: circuit_rules.hold(circuit, "closed", "test", "anna", now))
    assert told() == []


def test_nobody_gets_up_for_a_list_that_cannot_be_read(db: None, settings: Any) -> None:
    settings.BREAKER_FAILURES = 1
    fail(1, "list")
    assert told() == []


def test_a_task_that_closed_by_itself_is_not_told_any_more(db: None) -> None:
    now = database_now()
    OperatorTask.objects.create(kind="unmatched_event", subject="primary: evt_1", detail="lost", closed_at=now)
    assert (alert.tell_tasks(), alert.anything_to_tell()) == (1, False)
    assert not Notice.objects.exists()
