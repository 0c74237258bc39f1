"""Breakers as shared rows: what a claim reads and takes, what is written, and how many queries that costs (B6)."""

import logging
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext

from payments.clock import database_now
from payments.models import Circuit, CircuitChange, GatewayHealth
from payments.reliability import calls
from payments.reliability.breaker import TRIALS_ANSWER_WITHIN, Board, Pass, Report, record, trial_lease

pytestmark = pytest.mark.django_db(transaction=True)
CHARGE = ("primary", "charge")


def ended(*, failed: bool, times: int = 1, **more: object) -> list[Report]:
    """Return the ends of calls that were admitted together."""
    with transaction.atomic():
        board = Board.read(database_now())
        passes = [board.admit(*CHARGE) for _ in range(times)]
    return [Report(granted, failed, "read_timeout", **more) for granted in passes if granted]  # type: ignore[arg-type]


def opened(seconds_ago: float = 0) -> Circuit:
    """Open the charge circuit by five failures, and let time pass."""
    record(ended(failed=True, times=5))
    row = Circuit.objects.get()
    assert row.try_at is not None
    Circuit.objects.update(try_at=row.try_at - timedelta(seconds=seconds_ago))
    return Circuit.objects.get()


def read() -> Board:
    return Board.read(database_now())


def test_a_circuit_without_a_row_is_closed() -> None:
    board = read()
    assert board.admits(*CHARGE)
    assert board.admit(*CHARGE) == Pass("primary", "charge", epoch=0, trial=False, failures=0)
    assert board.next_try(*CHARGE) is None
    assert Circuit.objects.count() == 0


def test_a_healthy_claim_costs_one_query_and_its_answers_none() -> None:
    Circuit.objects.create(gateway="primary", operation="charge")
    now = database_now()
    with (
        transaction.atomic(),
        CaptureQueriesContext(
            connection,
        ) as claiming,
    ):
        board = Board.read(now)
        passes = [board.admit("primary", operation) for operation in ("charge", "look_up", "refund")] * 20
    statements = [query["sql"] for query in claiming if "payments_circuit" in query["sql"]]
    assert len(statements) == len(claiming) == 1
    assert "FOR " not in statements[0]
    with CaptureQueriesContext(connection) as recording:
        record([Report(granted, failed=False) for granted in passes if granted])
    assert len(recording) == 0


def test_five_failures_in_one_group_open_it_and_the_rest_of_the_group_says_nothing() -> None:
    record(ended(failed=True, times=64))
    row = Circuit.objects.get()
    assert (row.state, row.failures, row.epoch) == ("open", 5, 1)
    change = CircuitChange.objects.get()
    assert (change.before, change.after, change.why) == ("closed", "open", "5 failures in a row: read_timeout")
    assert change.changed_by == "paysite"


def test_declines_do_not_count() -> None:
    record(ended(failed=False, times=64))
    assert Circuit.objects.count() == 0


def test_an_open_circuit_admits_nothing_and_says_when_it_will() -> None:
    row = opened()
    board = read()
    assert not board.admits(*CHARGE)
    assert board.admit(*CHARGE) is None
    assert board.next_try(*CHARGE) == row.try_at
    assert row.opened_at is not None
    assert row.try_at == row.opened_at + timedelta(seconds=30)


def test_kinds_of_operations_and_gateways_have_circuits_of_their_own() -> None:
    opened()
    board = read()
    assert board.admits("primary", "look_up")
    assert board.admits("secondary", "charge")


def test_the_limits_are_settings(settings: object) -> None:
    settings.BREAKER_FAILURES, settings.BREAKER_SECONDS, settings.BREAKER_TRIALS = 2, 7, 1  # type: ignore[attr-defined]
    record(ended(failed=True, times=2))
    row = Circuit.objects.get()
    assert row.opened_at is not None
    assert (row.state, row.try_at) == ("open", row.opened_at + timedelta(seconds=7))
    Circuit.objects.update(try_at=row.opened_at)
    trials = ended(failed=False, times=5)
    assert len(trials) == 1
    record(trials)
    assert Circuit.objects.get().state == "closed"


def test_one_claim_takes_at_most_three_trials_and_the_next_claim_none() -> None:
    opened(seconds_ago=31)
    with transaction.atomic():
        board = read()
        assert board.admits(*CHARGE)
        passes = [board.admit(*CHARGE) for _ in range(5)]
        assert [granted and granted.trial for granted in passes] == [True, True, True, None, None]
        assert not board.admits(*CHARGE)
    later = read()
    assert later.admit(*CHARGE) is None
    next_try = later.next_try(*CHARGE)
    assert next_try is not None
    assert next_try <= database_now() + TRIALS_ANSWER_WITHIN


def test_three_good_trials_close_it_for_the_next_claim() -> None:
    opened(seconds_ago=31)
    record(ended(failed=False, times=3))
    assert read().admits(*CHARGE)
    assert Circuit.objects.get().state == "closed"
    assert list(CircuitChange.objects.order_by("pk").values_list("before", "after")) == [
        ("closed", "open"),
        ("open", "half_open"),
        ("half_open", "closed"),
    ]


def test_a_claim_that_is_undone_gives_its_trials_back() -> None:
    opened(seconds_ago=31)
    with transaction.atomic():
        assert read().admit(*CHARGE) is not None
        transaction.set_rollback(True)
    assert (Circuit.objects.get().state, Circuit.objects.get().trials) == ("open", 0)
    assert len(ended(failed=False, times=5)) == 3


def test_a_killed_trial_comes_back_after_its_lease() -> None:
    opened(seconds_ago=31)
    killed = ended(failed=False, times=3)
    row = Circuit.objects.get()
    assert row.trials_until is not None
    left = (row.trials_until - database_now()).total_seconds()
    assert calls.budget() + 5 < left <= trial_lease().total_seconds() == calls.budget() + 10
    assert ended(failed=False) == []
    Circuit.objects.update(trials_until=database_now())
    anew = ended(failed=False, times=5)
    assert [report.granted.epoch - killed[0].granted.epoch for report in anew] == [1, 1, 1]
    record(killed)
    assert Circuit.objects.get().trials_passed == 0
    record(anew)
    assert Circuit.objects.get().state == "closed"


def test_a_good_call_ends_a_run_of_failures_with_one_write() -> None:
    record(ended(failed=True, times=4))
    with CaptureQueriesContext(connection) as recording:
        record(ended(failed=False))
    assert sum(query["sql"].startswith("UPDATE") for query in recording) == 1
    assert Circuit.objects.get().failures == 0
    assert CircuitChange.objects.count() == 0


def test_answers_that_change_nothing_write_nothing() -> None:
    early = ended(failed=True, times=9)
    record(early[:5])
    before = Circuit.objects.values().get()
    with CaptureQueriesContext(connection) as recording:
        record(early[5:])
    assert not any(query["sql"].startswith("UPDATE") for query in recording)
    assert Circuit.objects.values().get() == before


def test_leave_that_was_not_used_costs_no_query_unless_it_was_a_trials() -> None:
    record(ended(failed=True, times=4))
    unused = ended(failed=False, unsent=True)
    with CaptureQueriesContext(connection) as recording:
        record(unused)
    assert len(recording) == 0
    assert Circuit.objects.get().failures == 4
    opened(seconds_ago=31)
    record(ended(failed=False, times=3, unsent=True))
    assert (Circuit.objects.get().state, Circuit.objects.get().trials) == ("half_open", 0)
    assert len(ended(failed=False, times=5)) == 3


def test_opening_is_a_warning_in_the_log_and_closing_a_notice(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="payments.reliability.breaker")
    opened(seconds_ago=31)
    record(ended(failed=False, times=3))
    assert [(line.levelname, line.getMessage()) for line in caplog.records if line.name.startswith("payments.")] == [
        ("WARNING", "circuit of primary charge: closed to open, by paysite: 5 failures in a row: read_timeout"),
        ("INFO", "circuit of primary charge: open to half_open, by paysite: trial calls may leave"),
        ("INFO", "circuit of primary charge: half_open to closed, by paysite: 3 trial calls came back well"),
    ]


def test_changes_can_be_neither_altered_nor_deleted() -> None:
    opened()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CircuitChange.objects.update(why="nothing happened")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        CircuitChange.objects.all().delete()
    assert CircuitChange.objects.get().why == "5 failures in a row: read_timeout"


def test_all_circuits_that_offer_trials_are_locked_in_one_go_and_in_order() -> None:
    now = database_now()
    for operation in ("refund", "look_up", "charge"):
        Circuit.objects.create(gateway="primary", operation=operation, state="open", try_at=now)
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        board = Board.read(now)
        assert all(board.admit("primary", operation) for operation in ("refund", "charge", "look_up"))
    selects = [query["sql"] for query in queries if query["sql"].startswith("SELECT") and "circuit" in query["sql"]]
    assert len(selects) == 2
    assert 'ORDER BY "payments_circuit"."gateway" ASC, "payments_circuit"."operation" ASC' in selects[1]
    assert ("FOR NO KEY UPDATE" in selects[1]) == (connection.vendor == "postgresql")


def test_a_claim_with_old_knowledge_takes_what_is_true_when_it_locks() -> None:
    opened(seconds_ago=31)
    old = [read() for _ in range(3)]
    with transaction.atomic():
        assert [old[0].admit(*CHARGE) is not None for _ in range(3)] == [True] * 3
    with transaction.atomic():
        assert old[1].admit(*CHARGE) is None
    row = Circuit.objects.get()
    record([Report(Pass(*CHARGE, row.epoch, trial=True, failures=5), failed=False) for _ in range(3)])
    with transaction.atomic():
        granted = old[2].admit(*CHARGE)
    assert granted == Pass(*CHARGE, row.epoch, trial=False, failures=0)


def test_a_held_circuit_says_to_look_again_later() -> None:
    now: datetime = database_now()
    Circuit.objects.create(gateway="primary", operation="charge", state="open", held="open")
    board = Board.read(now)
    assert board.admit(*CHARGE) is None
    assert board.next_try(*CHARGE) == now + timedelta(seconds=30)


def checked(*, healthy: bool, seconds_ago: float = 5) -> None:
    now = database_now()
    GatewayHealth.objects.update_or_create(
        gateway="primary",
        defaults={"due_at": now, "healthy": healthy, "checked_at": now - timedelta(seconds=seconds_ago)},
    )


def test_no_customer_is_the_trial_of_a_gateway_whose_health_check_fails() -> None:
    opened(seconds_ago=40)
    checked(healthy=False)
    board = read()
    assert not board.admits(*CHARGE)
    with transaction.atomic():
        assert board.admit(*CHARGE) is None
    next_try = board.next_try(*CHARGE)
    assert next_try is not None
    assert next_try > database_now()
    checked(healthy=True)
    assert read().admits(*CHARGE)


def test_a_health_check_of_long_ago_spares_nobody() -> None:
    opened(seconds_ago=40)
    checked(healthy=False, seconds_ago=61)
    assert read().admits(*CHARGE)


def test_a_health_call_that_is_broken_cannot_keep_a_gateway_out_for_ever() -> None:
    opened(seconds_ago=40)
    checked(healthy=False)
    Circuit.objects.update(changed_at=database_now() - timedelta(minutes=5))
    assert read().admits(*CHARGE)


def test_a_health_check_says_nothing_about_other_operations() -> None:
    opened(seconds_ago=40)
    Circuit.objects.update(operation="look_up")
    checked(healthy=False)
    assert read().admits("primary", "look_up")
