"""The shared budget of retries and of queued payments (requirements B4 and B7; invariant 44)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.clock import database_now
from payments.models import Allowance
from payments.reliability import budget
from payments.reliability.budget import draw_drain, draw_retries

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_deposits(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.RETRIES_PER_MINUTE, settings.RETRY_PERCENT = 30, 10
    monkeypatch.setattr(budget, "_deposits", budget._Deposits())


@pytest.fixture
def now() -> datetime:
    return database_now()


def later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)


def test_a_new_bucket_grants_one_minutes_worth_and_no_more(now: datetime) -> None:
    assert draw_retries(0, 50, now) == 30
    assert draw_retries(0, 50, now) == 0
    assert Allowance.objects.get(pk="retries").units == 0


def test_ten_first_tries_earn_one_retry(now: datetime) -> None:
    draw_retries(0, 30, now)
    assert draw_retries(9, 5, now) == 0
    assert draw_retries(1, 5, now) == 1
    assert draw_retries(0, 5, now) == 0


def test_time_earns_one_retry_in_two_seconds(now: datetime) -> None:
    draw_retries(0, 30, now)
    assert draw_retries(0, 5, later(now, 1.999)) == 0
    assert draw_retries(0, 5, later(now, 2)) == 1
    assert draw_retries(0, 50, later(now, 62)) == 30


def test_many_small_draws_lose_no_time_and_gain_none(now: datetime) -> None:
    draw_retries(0, 30, now)
    granted = sum(draw_retries(0, 1, later(now, 0.007 * step)) for step in range(1, 1001))
    assert granted == 3
    assert draw_retries(0, 1, later(now, 8)) == 1


def test_no_more_than_a_minutes_worth_is_kept(now: datetime) -> None:
    draw_retries(0, 30, now)
    budget._deposits._flushed_at = 0
    draw_retries(100_000, 0, now)
    assert Allowance.objects.get(pk="retries").units == 3000
    assert draw_retries(0, 50, later(now, 3600)) == 30


def test_a_large_deposit_can_be_drawn_at_once(now: datetime) -> None:
    draw_retries(0, 30, now)
    assert draw_retries(1000, 200, now) == 100


def test_deposits_wait_in_the_process_and_cost_a_query_once_a_second(
    now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1000.0]
    monkeypatch.setattr("payments.reliability.budget.time.monotonic", lambda: clock[0])
    draw_retries(0, 30, now)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(20):
            assert draw_retries(10, 0, now) == 0
    assert len(queries) == 0
    clock[0] += 1.0
    with CaptureQueriesContext(connection) as queries:
        assert draw_retries(10, 0, now) == 0
    assert sum(query["sql"].startswith("UPDATE") for query in queries) == 1
    assert Allowance.objects.get(pk="retries").units == 2100


def test_deposits_that_wait_are_there_for_the_next_retry(now: datetime) -> None:
    draw_retries(0, 30, now)
    draw_retries(15, 0, now)
    assert draw_retries(5, 9, now) == 2


def test_a_draw_is_one_update_at_most(now: datetime) -> None:
    draw_retries(0, 1, now)
    with CaptureQueriesContext(connection) as queries:
        assert draw_retries(7, 3, later(now, 1)) == 3
    assert [query["sql"].split()[0] for query in queries] == ["SELECT", "UPDATE"]


def test_a_full_bucket_is_not_written(now: datetime) -> None:
    draw_retries(0, 1, now)
    draw_retries(10, 0, now)
    monday = later(now, 3600)
    assert draw_retries(0, 1, monday) == 1
    Allowance.objects.update(units=3000)
    budget._deposits._flushed_at = 0
    with CaptureQueriesContext(connection) as queries:
        draw_retries(10, 0, later(monday, 10))
    assert [query["sql"].split()[0] for query in queries] == ["SELECT"]


def test_a_clock_that_is_put_back_grants_nothing_twice_and_fills_again(now: datetime) -> None:
    draw_retries(0, 30, now)
    assert draw_retries(0, 5, later(now, -30)) == 0
    assert draw_retries(0, 5, now) == 0
    assert draw_retries(0, 5, later(now, -3600)) == 0
    assert draw_retries(0, 5, later(now, -3598)) == 1


def test_in_any_minute_all_calls_are_a_tenth_more_than_first_tries_and_the_least_budget(now: datetime) -> None:
    first, granted = 0, 0
    for step in range(600):
        first += 10
        granted += draw_retries(10, 10, later(now, step * 0.1))
    assert granted <= first // 10 + 30 + 30
    assert granted >= first // 10 + 58


def test_the_percentage_and_the_minimum_are_settings(now: datetime, settings: object) -> None:
    settings.RETRY_PERCENT, settings.RETRIES_PER_MINUTE = 50, 2  # type: ignore[attr-defined]
    assert draw_retries(0, 9, now) == 2
    assert draw_retries(4, 9, now) == 2
    assert draw_retries(0, 9, later(now, 30)) == 1


def test_queued_payments_leave_five_a_second_without_a_burst(now: datetime) -> None:
    draws = [draw_drain(1000, later(now, step * 0.05)) for step in range(200)]
    assert sum(draws) == 50
    assert max(draws) == 1
    assert max(sum(draws[start : start + 20]) for start in range(180)) == 5


def test_an_idle_hour_earns_no_burst(now: datetime) -> None:
    assert draw_drain(1000, now) == 1
    assert draw_drain(1000, later(now, 3600)) == 1
    assert draw_drain(1000, later(now, 3600)) == 0


def test_a_faster_drain_keeps_a_fifth_of_a_seconds_worth(now: datetime, settings: object) -> None:
    settings.DRAIN_PER_SECOND = 100  # type: ignore[attr-defined]
    assert draw_drain(1000, now) == 20
    assert draw_drain(1000, later(now, 0.1)) == 10


def test_nothing_wanted_costs_nothing(now: datetime) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert draw_drain(0, now) == 0
    assert len(queries) == 0


def test_fewer_wanted_than_there_are_take_only_those(now: datetime) -> None:
    assert draw_retries(0, 2, now) == 2
    assert Allowance.objects.get(pk="retries").units == 2800
