"""Settling, resolving, news from the gateway and people at the same instant (invariants 1, 12, 27)."""

import os
import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, Client, LedgerPosting, Payment, RecoveryRun, SurplusCharge
from payments.services.apply import Heard, apply
from payments.services.ask_now import ask_now
from payments.services.cancel import CannotCancelError, cancel
from payments.services.recover import recover
from payments.services.settle import Settler
from payments.services.watch import begin_watching
from tests.payments.conftest import BECAUSE, accepted, reload, sent
from tests.payments.services.conftest import gateway, shared_gateway
from tests.races.test_accept import at_once
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

__all__ = ["gateway", "shared_gateway"]
pytestmark = pytest.mark.django_db(transaction=True)


def settle() -> None:
    settler = Settler(BECAUSE, threads=4)
    try:
        settler.drain()
    finally:
        settler.finish()


def statuses(gateway: SandboxProcess, payment: Payment) -> list[str]:
    return sorted(charge["status"] for charge in gateway.charges(reference=payment.pk))


def test_eight_settlers_charge_forty_payments_once_each(gateway: SandboxProcess, shop: Client) -> None:
    payments = [accepted(shop, f"key-{n}-of-forty", order=f"order-{n}") for n in range(40)]
    at_once(8, lambda _: settle())
    assert [statuses(gateway, payment) for payment in payments] == [["succeeded"]] * 40
    assert {reload(payment).status for payment in payments} == {"success"}
    assert LedgerPosting.objects.count() == 40


@pytest.mark.parametrize("number", range(5))
def test_settler_resolver_news_sweep_and_operator_at_once_end_in_one_charge(
    gateway: SandboxProcess, shop: Client, number: int
) -> None:
    gateway.arm("execute_then_close", count=1)
    payment = accepted(shop)
    settle()
    attempt = Attempt.objects.get()
    charge = gateway.charges(reference=payment.pk)[0]["id"]
    advance(6)
    news = Heard(attempt.pk, payment.pk, Outcome(Kind.SUCCEEDED, "event", reference=charge), BECAUSE, sent=False)
    acts: list[Callable[[], Any]] = [
        settle,
        settle,
        lambda: apply([news]),
        lambda: recover(RecoveryRun.Trigger.CONSOLE, BECAUSE),
        lambda: ask_now(payment.pk, BECAUSE, "a person asks"),
        lambda: _cancel(payment.pk),
    ]
    at_once(len(acts), lambda one: acts[(one + number) % len(acts)]())
    settle()
    assert (reload(payment).status, statuses(gateway, payment)) == ("success", ["succeeded"])
    assert LedgerPosting.objects.count() == 1
    assert SurplusCharge.objects.count() == 0


def _cancel(payment_id: str) -> None:
    with pytest.raises(CannotCancelError):
        cancel(payment_id, BECAUSE, "a person cancels")


def test_a_cancel_and_a_settler_at_once_never_leave_a_charge_of_a_canceled_payment(
    gateway: SandboxProcess, shop: Client
) -> None:
    payments = [accepted(shop, f"key-{n}-of-ten", order=f"order-{n}") for n in range(10)]

    def act(number: int) -> None:
        if number == 0:
            settle()
            return
        for payment in payments[number - 1 :: 3]:
            try:
                cancel(payment.pk, BECAUSE, "called off")
            except CannotCancelError:
                continue

    at_once(4, act)
    settle()
    for payment in payments:
        expected = [] if reload(payment).status == "canceled" else ["succeeded"]
        assert statuses(gateway, payment) == expected


def test_a_double_charge_that_eight_workers_see_at_once_is_given_back_once(
    gateway: SandboxProcess, shop: Client
) -> None:
    begin_watching()
    gateway.arm("execute_twice", count=1)
    payment = accepted(shop)
    settle()
    advance(16)
    at_once(8, lambda _: settle())
    advance(16)
    settle()
    assert statuses(gateway, payment) == ["canceled", "succeeded"]
    assert SurplusCharge.objects.get().state == "returned"
    assert LedgerPosting.objects.count() == 3


def forked(work: Callable[[], None]) -> int:
    """Run `work` in a process of its own; return its id."""
    connections.close_all()
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def pause_between_transactions(pid: int) -> None:
    """Stop the process where it has no transaction open: what waits for a row or for SQLite's lock would never end."""
    while True:
        time.sleep(0.05)
        os.kill(pid, signal.SIGSTOP)
        if nobody_is_writing():
            return
        os.kill(pid, signal.SIGCONT)


def nobody_is_writing() -> bool:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            others = "datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
            cursor.execute(f"SELECT count(*) FROM pg_stat_activity WHERE {others}")
            return bool(cursor.fetchone() == (0,))
        cursor.execute("PRAGMA busy_timeout")
        patience = cursor.fetchone()[0]
        cursor.execute("PRAGMA busy_timeout = 0")
        try:
            cursor.execute("BEGIN IMMEDIATE")
            cursor.execute("ROLLBACK")
        except OperationalError:
            return False
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")
        return True


def test_a_worker_paused_in_mid_call_beyond_its_lease_does_no_harm_when_it_goes_on(
    gateway: SandboxProcess, shop: Client
) -> None:
    gateway.set_latency(800)
    payment = accepted(shop)
    pid = forked(settle)
    try:
        deadline = time.monotonic() + 10
        while not Attempt.objects.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        pause_between_transactions(pid)
        gateway.set_latency(0)
        advance(60)
        settle()
    finally:
        gateway.set_latency(0)
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)
    advance(60)
    settle()
    assert (reload(payment).status, statuses(gateway, payment)) == ("success", ["succeeded"])
    assert LedgerPosting.objects.count() == 1


@pytest.mark.parametrize("hours", [-2, 2])
def test_a_node_whose_clock_is_two_hours_off_decides_the_same(
    gateway: SandboxProcess, shop: Client, hours: int
) -> None:
    """Deadlines go by the database's clock. The embedded database has no other clock than its one machine's."""
    if connection.vendor == "sqlite":
        pytest.skip("with the embedded database there is one machine and one clock")

    def elsewhere() -> None:
        now, real = timezone.now, time.time
        timezone.now = lambda: now() + timedelta(hours=hours)
        time.time = lambda: real() + hours * 3600
        settle()

    gateway.arm("close_without_executing", count=1)
    payment = accepted(shop)
    os.waitpid(forked(elsewhere), 0)
    unknown = reload(payment)
    assert (unknown.status, unknown.outcome_unknown) == ("processing", True)
    assert unknown.due_at is not None
    assert 0 < (unknown.due_at - unknown.updated_at).total_seconds() < 8
    advance(8)
    os.waitpid(forked(elsewhere), 0)
    assert (reload(payment).status, statuses(gateway, payment)) == ("success", ["succeeded"])


def test_news_that_arrives_while_its_row_is_locked_waits_and_is_not_lost(shop: Client) -> None:
    attempt = sent(shop)
    answers = [
        Heard(attempt.pk, attempt.payment_id, Outcome(kind, "event", reference="ch_1"), BECAUSE)
        for kind in (Kind.SUCCEEDED, Kind.UNKNOWN, Kind.NOT_FOUND, Kind.SUCCEEDED)
    ]
    at_once(len(answers), lambda one: apply([answers[one]]))
    assert Payment.objects.get().status == "success"
    assert LedgerPosting.objects.count() == 1
