"""What nobody finished is found by state and age, and finished (requirements C1, C2)."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, Notice, OperatorTask, Payment, RecoveryRun, SettleLoop
from payments.services.recover import recover
from tests.payments.conftest import BECAUSE, accepted, after, reload, sent

pytestmark = pytest.mark.django_db
Trigger = RecoveryRun.Trigger


def forget(payment: Payment, **age: int) -> None:
    Payment.objects.filter(pk=payment.pk).update(due_at=None, created_at=Now() - timedelta(**age))


@pytest.mark.parametrize("age", [{"seconds": 0}, {"days": 400}])
def test_a_payment_that_is_due_at_no_time_is_made_due_however_old(shop: Client, age: dict[str, int]) -> None:
    payment = accepted(shop)
    forget(payment, **age)
    run = recover(Trigger.SCHEDULE, BECAUSE)
    assert run.repaired["forgottenPayments"] == 1
    due_at = reload(payment).due_at
    assert due_at is not None
    assert due_at <= database_now()


def test_running_it_again_repairs_nothing_more(shop: Client) -> None:
    forget(accepted(shop))
    recover(Trigger.SCHEDULE, BECAUSE)
    assert recover(Trigger.SCHEDULE, BECAUSE).repaired["forgottenPayments"] == 0
    assert AuditEntry.objects.filter(action="payment.recovered").count() == 1


def test_an_open_attempt_of_a_payment_that_nobody_looks_at_is_asked_about(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    Payment.objects.update(due_at=None)
    run = recover(Trigger.SCHEDULE, BECAUSE)
    assert run.repaired["forgottenPayments"] + run.repaired["forgottenAttempts"] == 1
    assert Payment.objects.get().due_at is not None


def test_by_hand_unknown_outcomes_are_asked_about_now(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    Payment.objects.update(due_at=Now() + timedelta(hours=1))
    run = recover(Trigger.COMMAND, BECAUSE)
    assert (run.found["unknown"], run.repaired["askedNow"]) == (1, 1)
    due_at = Payment.objects.get().due_at
    assert due_at is not None
    assert due_at <= database_now()


def test_the_sweep_leaves_unknown_outcomes_to_their_schedule(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    due_at = Payment.objects.get().due_at
    assert recover(Trigger.SCHEDULE, BECAUSE).repaired["askedNow"] == 0
    assert Payment.objects.get().due_at == due_at


def test_a_worker_that_is_asking_at_this_moment_is_left_alone(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, "read_timeout")
    later = Now() + timedelta(minutes=5)
    Payment.objects.update(due_at=later, claimed_until=later)
    assert recover(Trigger.CONSOLE, BECAUSE).repaired["askedNow"] == 0


def test_a_client_recovers_its_own_payments_only(shop: Client) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    mine, theirs = accepted(shop), accepted(other, "other-key")
    forget(mine)
    forget(theirs)
    run = recover(Trigger.API, Because("client:1", "request:test"), client_id=shop.pk)
    assert run.repaired["forgottenPayments"] == 1
    assert (reload(mine).due_at is None, reload(theirs).due_at is None) == (False, True)


def test_what_is_finished_stays_as_it_is(shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    before = AuditEntry.objects.count()
    run = recover(Trigger.COMMAND, BECAUSE)
    assert {name: n for name, n in run.repaired.items() if n} == {"wokenLoops": 2}
    assert (Payment.objects.get().status, AuditEntry.objects.count()) == ("success", before)


def test_loops_that_do_not_beat_are_woken_and_beating_ones_are_not(shop: Client) -> None:
    assert recover(Trigger.SCHEDULE, BECAUSE).repaired["wokenLoops"] == 2
    for slot in ("settle-1", "outbox-1"):
        SettleLoop.objects.create(name=slot, beat_at=database_now())
    assert recover(Trigger.SCHEDULE, BECAUSE).repaired["wokenLoops"] == 0


def test_payments_that_are_left_alone_are_counted(shop: Client) -> None:
    accepted(shop)
    Payment.objects.update(due_at=Now() - timedelta(minutes=3))
    assert recover(Trigger.SCHEDULE, BECAUSE).found["overdue"] == 1


def test_runs_older_than_a_week_are_forgotten(shop: Client) -> None:
    recover(Trigger.SCHEDULE, BECAUSE)
    RecoveryRun.objects.update(started_at=Now() - timedelta(days=8))
    recover(Trigger.SCHEDULE, BECAUSE)
    assert RecoveryRun.objects.count() == 1


def test_the_command_says_what_it_did(shop: Client) -> None:
    forget(accepted(shop))
    output = StringIO()
    call_command("recover", stdout=output)
    assert '"forgottenPayments": 1' in output.getvalue()
    assert RecoveryRun.objects.get().trigger == "command"


def task(shop: Client) -> OperatorTask:
    attempt = sent(shop)
    after(attempt, Kind.REJECTED, "rejected", alert=True)
    return OperatorTask.objects.get()


def test_the_team_is_told_about_a_task_once(shop: Client, settings: Any) -> None:
    settings.ALERT_EMAILS = ["team@example.com"]
    opened = task(shop)
    assert recover(Trigger.SCHEDULE, BECAUSE).repaired["sentAlerts"] == 1
    assert recover(Trigger.SCHEDULE, BECAUSE).repaired["sentAlerts"] == 0
    assert list(Notice.objects.values_list("key", flat=True)) == [f"task:{opened.pk}"]
