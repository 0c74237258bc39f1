"""When the supervisor believes that the cluster hangs, and when it does not."""

import pytest
from django.db import OperationalError

from paysite.running import heartbeat
from paysite.running.heartbeat import Heartbeat

pytestmark = pytest.mark.django_db  # it closes connections that are too old


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("paysite.running.heartbeat.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def ask_every_second(pulse: Heartbeat, clock: Clock, seconds: int) -> None:
    for _ in range(seconds):
        clock.now += 1
        pulse.ask_once()


def test_a_cluster_whose_last_beat_was_a_moment_ago_is_beating(clock: Clock) -> None:
    pulse = Heartbeat(lambda: 0.4, lambda: None, limit=20)
    ask_every_second(pulse, clock, 300)
    assert pulse.is_beating()


def test_a_cluster_is_hanging_after_twenty_seconds_without_a_recent_beat(clock: Clock) -> None:
    began = clock.now
    pulse = Heartbeat(lambda: clock.now - began, lambda: None, limit=20)
    ask_every_second(pulse, clock, 20)
    assert pulse.is_beating()
    ask_every_second(pulse, clock, 6)
    assert not pulse.is_beating()


def test_a_cluster_that_never_beat_is_hanging_after_twenty_seconds(clock: Clock) -> None:
    pulse = Heartbeat(lambda: None, lambda: None, limit=20)
    ask_every_second(pulse, clock, 20)
    assert pulse.is_beating()
    ask_every_second(pulse, clock, 1)
    assert not pulse.is_beating()


def test_the_gap_between_one_loop_and_its_successor_is_no_hang(clock: Clock) -> None:
    """A loop that ends gives its slot up by an old beat, so that the next one need not wait."""
    ages = iter([0.5, 21.0, 22.0, 0.3])
    pulse = Heartbeat(lambda: next(ages), lambda: None, limit=20)
    ask_every_second(pulse, clock, 3)
    assert pulse.is_beating()
    ask_every_second(pulse, clock, 1)
    assert pulse.is_beating()


def test_a_database_that_does_not_answer_is_no_evidence_against_the_cluster(clock: Clock) -> None:
    def unanswered() -> float:
        raise OperationalError("connection refused")

    pulse = Heartbeat(unanswered, lambda: None, limit=20)
    ask_every_second(pulse, clock, 300)
    assert pulse.is_beating()


def test_old_answers_are_no_evidence_against_the_cluster(clock: Clock) -> None:
    pulse = Heartbeat(lambda: 90.0, lambda: None, limit=20)
    ask_every_second(pulse, clock, 30)
    assert not pulse.is_beating()
    clock.now += heartbeat.ANSWER_LIFE_SECONDS + 1
    assert pulse.is_beating()


def test_loops_are_woken_every_three_seconds_because_a_slot_may_become_free_later(clock: Clock) -> None:
    woken: list[float] = []
    pulse = Heartbeat(lambda: 0.1, lambda: woken.append(clock.now), limit=20)
    ask_every_second(pulse, clock, 7)
    assert woken == [1001.0, 1004.0, 1007.0]


def test_waking_is_tried_again_at_once_after_the_database_was_away(clock: Clock) -> None:
    tries: list[float] = []

    def wake() -> None:
        tries.append(clock.now)
        if len(tries) == 1:
            raise OperationalError("connection refused")

    pulse = Heartbeat(lambda: 0.1, wake, limit=20)
    ask_every_second(pulse, clock, 3)
    assert tries == [1001.0, 1002.0]
