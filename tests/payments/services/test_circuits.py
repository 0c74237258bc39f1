"""Breakers held open and closed by hand (requirement B6)."""

import pytest

from payments.clock import database_now
from payments.models import Circuit, CircuitChange
from payments.reliability.breaker import Board, Report, record
from payments.services.circuits import (
    CannotChangeCircuitError,
    ReasonMissingError,
    UnknownCircuitError,
    hold_closed,
    hold_open,
    release,
)

pytestmark = pytest.mark.django_db
CHARGE = ("primary", "charge")


def fail(times: int) -> None:
    board = Board.read(database_now())
    passes = [board.admit(*CHARGE) for _ in range(times)]
    record([Report(granted, failed=True, reason="reset") for granted in passes if granted])


def changes() -> list[tuple[str, str, str, str]]:
    return list(CircuitChange.objects.order_by("pk").values_list("before", "after", "why", "changed_by"))


def admits() -> bool:
    return Board.read(database_now()).admits(*CHARGE)


def test_held_open_admits_nothing_until_it_is_released_and_then_trials() -> None:
    row = hold_open(*CHARGE, "anna", "Their maintenance")
    assert (row.state, row.held, row.why, row.changed_by) == ("open", "open", "Their maintenance", "operator:anna")
    assert not admits()
    release(*CHARGE, "ben", "They are back")
    granted = Board.read(database_now()).admit(*CHARGE)
    assert granted is not None
    assert granted.trial
    assert changes()[:2] == [
        ("closed", "held open", "Their maintenance", "operator:anna"),
        ("held open", "open", "They are back", "operator:ben"),
    ]


def test_held_closed_admits_everything_whatever_fails() -> None:
    fail(5)
    assert not admits()
    hold_closed(*CHARGE, "anna", "Only the answers are broken")
    fail(20)
    assert admits()
    assert (Circuit.objects.get().failures, Circuit.objects.get().failed_because) == (0, "reset")
    row = release(*CHARGE, "anna", "Repaired")
    assert (row.state, row.held, row.failures) == ("closed", "", 0)
    fail(5)
    assert not admits()


def test_one_hold_can_follow_another() -> None:
    hold_open(*CHARGE, "anna", "Stop")
    hold_closed(*CHARGE, "ben", "Go")
    assert admits()
    assert changes()[1] == ("held open", "held closed", "Go", "operator:ben")


@pytest.mark.parametrize("act", [hold_open, hold_closed, release])
@pytest.mark.parametrize("reason", ["", "   "])
def test_a_change_without_a_reason_is_refused(act: object, reason: str) -> None:
    with pytest.raises(ReasonMissingError):
        act(*CHARGE, "anna", reason)  # type: ignore[operator]
    assert (Circuit.objects.count(), CircuitChange.objects.count()) == (0, 0)


@pytest.mark.parametrize("which", [("tertiary", "charge"), ("primary", "dance")])
def test_an_unknown_circuit_is_refused(which: tuple[str, str]) -> None:
    with pytest.raises(UnknownCircuitError):
        hold_open(*which, "anna", "Stop")
    assert (Circuit.objects.count(), CircuitChange.objects.count()) == (0, 0)


def test_holding_what_is_held_and_releasing_what_is_not_change_nothing() -> None:
    with pytest.raises(CannotChangeCircuitError, match="not_held"):
        release(*CHARGE, "anna", "Go")
    hold_open(*CHARGE, "anna", "Stop")
    before = Circuit.objects.values().get()
    with pytest.raises(CannotChangeCircuitError, match="held_already"):
        hold_open(*CHARGE, "ben", "Stop, I say")
    assert Circuit.objects.values().get() == before
    assert len(changes()) == 1


def test_a_long_reason_is_kept_as_far_as_it_fits() -> None:
    hold_open(*CHARGE, "a" * 150, "x" * 300)
    assert changes() == [("closed", "held open", "x" * 200, ("operator:" + "a" * 150)[:64])]
