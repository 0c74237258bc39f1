"""Many processes at one circuit breaker at the same instant (requirement B6; invariant 45)."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction

from payments.clock import database_now
from payments.gateways.base import ChargeRequest, Kind, Outcome
from payments.models import Circuit, CircuitChange
from payments.reliability.breaker import Board, Pass, Report, record
from payments.reliability.gateways import gateway_named
from tests.payments.services.conftest import gateway, shared_gateway
from tests.sandbox import SandboxProcess

__all__ = ["gateway", "shared_gateway"]
pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 20
CHARGE = ("primary", "charge")
_fork = multiprocessing.get_context("fork")


def in_processes(act: Callable[[int, Any], Any], number: int = PROCESSES) -> list[Any]:
    """Run `act(n, barrier)` in so many new processes, each with a connection of its own; return what they returned."""
    connections.close_all()
    barrier, answers = _fork.Barrier(number), _fork.SimpleQueue()

    def one(place: int) -> None:
        connection.ensure_connection()
        answers.put(act(place, barrier))
        connections.close_all()

    processes = [_fork.Process(target=one, args=(place,)) for place in range(number)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * number
    return [answers.get() for _ in range(number)]


def half_openable() -> None:
    """Leave a circuit behind that opened 31 seconds ago."""
    now = database_now()
    at = now - timedelta(seconds=31)
    Circuit.objects.create(
        gateway="primary", operation="charge", state="open", epoch=1, failures=5, opened_at=at, try_at=now, failed_at=at
    )


def admit() -> Pass | None:
    with transaction.atomic():
        return Board.read(database_now()).admit(*CHARGE)


def call(reference: str, key: str) -> Outcome:
    request = ChargeRequest(key, reference, 1250, "USD", "tok_success", time.monotonic() + 2)
    return gateway_named("primary").charge(request)


def report(granted: Pass, outcome: Outcome) -> Report:
    return Report(granted, outcome.opens_breaker, outcome.reason)


def try_until_all_have_tried(place: int, barrier: Any, reference: str) -> list[Report]:
    """Call the gateway as often as the breaker allows it in five tries, while nobody has told how a call ended."""
    barrier.wait(30)
    keys = [f"{reference}-{place}-{number}" for number in range(5)]
    ended = [report(granted, call(reference, key)) for key in keys if (granted := admit())]
    barrier.wait(30)
    return ended


@pytest.mark.parametrize("round_", range(3))
def test_twenty_processes_at_a_half_open_breaker_make_exactly_three_calls(gateway: SandboxProcess, round_: int) -> None:
    reference = f"pay_good_trials_{round_}"
    half_openable()

    def act(place: int, barrier: Any) -> int:
        ended = try_until_all_have_tried(place, barrier, reference)
        record(ended)
        return len(ended)

    assert sum(in_processes(act)) == 3
    assert len(gateway.requests(reference=reference)) == 3
    row = Circuit.objects.get()
    assert (row.state, row.failures, row.epoch) == ("closed", 0, 2)
    assert list(CircuitChange.objects.order_by("pk").values_list("before", "after")) == [
        ("open", "half_open"),
        ("half_open", "closed"),
    ]


def test_twenty_processes_at_a_gateway_that_is_still_down_make_three_calls_in_each_round(
    gateway: SandboxProcess,
) -> None:
    half_openable()
    for number in (1, 2):
        reference = f"pay_bad_trials_{number}"
        gateway.arm("close_without_executing", count=3)

        def act(place: int, barrier: Any, reference: str = reference) -> int:
            ended = try_until_all_have_tried(place, barrier, reference)
            record(ended)
            return len(ended) + sum(admit() is not None for _ in range(5))

        assert sum(in_processes(act)) == 3
        assert len(gateway.requests(reference=reference)) == 3
        row = Circuit.objects.get()
        assert (row.state, row.epoch) == ("open", 1 + 2 * number)
        assert row.try_at is not None
        assert 25 < (row.try_at - database_now()).total_seconds() <= 30
        Circuit.objects.update(try_at=database_now())
    assert CircuitChange.objects.filter(before="half_open", after="open").count() == 2


def test_twenty_processes_whose_calls_fail_at_once_open_it_once() -> None:
    def act(_place: int, barrier: Any) -> bool:
        passes = [admit() for _ in range(3)]
        barrier.wait(30)
        record(
            [
                report(granted, Outcome(Kind.UNKNOWN, "read_timeout", opens_breaker=True))
                for granted in passes
                if granted
            ]
        )
        return admit() is None

    refused = in_processes(act)
    row = Circuit.objects.get()
    assert (row.state, row.epoch, row.failures) == ("open", 1, 5)
    assert CircuitChange.objects.count() == 1
    assert refused[-1]


def test_processes_that_take_trials_of_several_circuits_in_different_orders_never_wait_for_each_other() -> None:
    now = database_now()
    kinds = ["charge", "list", "look_up", "refund"]
    for kind in kinds:
        Circuit.objects.create(gateway="primary", operation=kind, state="open", epoch=1, try_at=now)

    def act(place: int, barrier: Any) -> list[str]:
        turn = kinds[place % 4 :] + kinds[: place % 4]
        barrier.wait(30)
        with transaction.atomic():
            board = Board.read(database_now())
            return [kind for kind in turn[:: 1 if place % 2 else -1] if board.admit("primary", kind)]

    taken = [kind for kinds_taken in in_processes(act, 8) for kind in kinds_taken]
    assert {kind: taken.count(kind) for kind in kinds} == dict.fromkeys(kinds, 3)


def test_a_closed_breaker_is_never_waited_for() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the embedded database has one write lock for everything")
    Circuit.objects.create(gateway="primary", operation="charge")

    def act(_place: int, barrier: Any) -> bool:
        with transaction.atomic():
            granted = Board.read(database_now()).admit(*CHARGE)
            # All are in their transactions at the same time, or this breaks.
            barrier.wait(30)
        return granted is not None

    assert in_processes(act, 8) == [True] * 8


def test_a_restarted_process_finds_the_breaker_as_it_was() -> None:
    def fail(_place: int, _barrier: Any) -> None:
        passes = [admit() for _ in range(5)]
        record([Report(granted, failed=True, reason="refused") for granted in passes if granted])

    in_processes(fail, 1)
    assert in_processes(lambda _place, _barrier: admit() is None, 1) == [True]
    Circuit.objects.update(try_at=database_now())
    assert in_processes(lambda _place, _barrier: admit() is not None, 1) == [True]
    assert Circuit.objects.get().trials == 1
