"""Settle loops, their slots and their wake-ups: django-q2 may repeat, delay or lose any of them."""

import os
import signal
import threading
from datetime import timedelta

import pytest
from django.db.models.functions import Now
from django_q.models import OrmQ

from payments import queries, tasks
from payments.models import Client, SettleLoop
from payments.services import loops, wake
from tests.payments.conftest import accepted, reload
from tests.sandbox import SandboxProcess

pytestmark = pytest.mark.django_db(transaction=True)


def test_waking_asks_for_a_loop_in_every_idle_slot() -> None:
    assert wake.wake() == 2
    assert OrmQ.objects.count() == 2


def test_a_slot_that_beats_is_left_alone() -> None:
    SettleLoop.objects.create(name="settle-1", holder="somebody", beat_at=Now())
    assert wake.wake() == 1
    assert not loops.run_slot("settle-1", run_for=0)
    assert SettleLoop.objects.get().holder == "somebody"


def test_a_slot_whose_beat_is_old_is_taken() -> None:
    SettleLoop.objects.create(name="settle-1", holder="dead", beat_at=Now() - timedelta(seconds=11))
    assert loops.run_slot("settle-1", run_for=0)
    assert SettleLoop.objects.get().holder != "dead"


def test_a_loop_frees_its_slot_at_its_end() -> None:
    assert loops.run_slot("settle-1", run_for=0)
    assert wake.wake() == 2


def test_a_loop_stops_when_its_slot_was_taken_over(shop: Client) -> None:
    SettleLoop.objects.create(name="settle-1", holder="me", beat_at=Now())
    holding = loops._Holding("settle-1", "me", run_for=60, told_to_stop=threading.Event())
    assert holding()
    SettleLoop.objects.update(holder="another")
    holding._next_beat = 0
    assert not holding()


def test_a_loop_that_is_told_to_stop_gives_up_its_slot_first_and_then_obeys() -> None:
    obeyed = threading.Event()
    before = signal.signal(signal.SIGTERM, lambda *_: obeyed.set())
    try:
        timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        assert loops.run_slot("settle-1", run_for=20)
        timer.join()
    finally:
        signal.signal(signal.SIGTERM, before)
    assert obeyed.is_set()
    assert wake.wake() == 2


def test_a_task_that_runs_settles_what_is_due_and_asks_for_its_successor(shop: Client, gateway: SandboxProcess) -> None:
    payment = accepted(shop)
    OrmQ.objects.all().delete()
    tasks.settle("settle-1", run_for=0.5)
    assert reload(payment).status == "success"
    assert OrmQ.objects.count() == 2


def test_the_loop_that_sends_what_is_to_be_sent_has_a_slot_of_its_own() -> None:
    assert wake.task_of(wake.OUTBOX) == "payments.tasks.send_outbox"
    assert loops.run_outbox(wake.OUTBOX, run_for=0)
    assert SettleLoop.objects.get().name == "outbox-1"


def test_a_loop_that_sends_is_no_sign_that_payments_are_settled() -> None:
    SettleLoop.objects.create(name=wake.OUTBOX, beat_at=Now())
    assert queries.seconds_since_last_beat() is None


def test_the_age_of_the_last_beat_is_known() -> None:
    assert queries.seconds_since_last_beat() is None
    SettleLoop.objects.create(name="settle-1", beat_at=Now() - timedelta(seconds=30))
    age = queries.seconds_since_last_beat()
    assert age is not None
    assert 30 <= age < 35
