"""The rules of a circuit breaker (requirement B6, docs/breaker.md): what an answer, a trial or a person does to a row.

Nothing here reads or writes the database, or asks a clock: payments/reliability/breaker.py holds the locks. What
changes the state returns the CircuitChange to be written with it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings

from payments.models import Circuit, CircuitChange

CLOSED: Final = Circuit.State.CLOSED
OPEN: Final = Circuit.State.OPEN
HALF_OPEN: Final = Circuit.State.HALF_OPEN

# A failure that is older than this when the next one comes is not of the same trouble: the count starts anew.
FORGET_AFTER: Final = timedelta(seconds=60)
# Who changed it, and the reason noted, where nothing but health checks said that the gateway is bad.
PAYSITE: Final = "paysite"
HEALTH: Final = "health"
HEALTH_CHECK: Final = "health_check"


@dataclass(frozen=True, slots=True)
class Limits:
    """failures in a row that open a circuit; seconds for which it stays open; trials that must all come back well."""

    failures: int
    seconds: int
    trials: int

    @classmethod
    def from_settings(cls) -> "Limits":
        """Return the limits of this installation (docs/settings.md)."""
        return cls(settings.BREAKER_FAILURES, settings.BREAKER_SECONDS, settings.BREAKER_TRIALS)


@dataclass(frozen=True, slots=True)
class Pass:
    """Permission for one call, taken before it. epoch, failures: the circuit's as they were then."""

    gateway: str
    operation: str
    epoch: int
    trial: bool
    failures: int


@dataclass(frozen=True, slots=True)
class Report:
    """How that call ended. Each call is reported once.

    failed: the gateway failed, as `Outcome.opens_breaker` says; a decline is not a failure. at_once: such a failure
    opens the circuit by itself (refused credentials). unsent: the call was never made, so that it says nothing and a
    trial gives its place back. health: it was a health check and no call of a payment.
    """

    granted: Pass
    failed: bool
    reason: str = ""
    at_once: bool = False
    unsent: bool = False
    health: bool = False


def state_of(circuit: Circuit) -> str:
    """Return the state for the record: `closed`, `open`, `half_open`, `held open` or `held closed`."""
    return f"held {circuit.held}" if circuit.held else str(circuit.state)


def offers_trial(circuit: Circuit, now: datetime, limits: Limits) -> bool:
    """Say whether a trial call may leave."""
    if circuit.held or circuit.state == CLOSED:
        return False
    if circuit.state == OPEN:
        return circuit.try_at is None or circuit.try_at <= now
    return circuit.trials < limits.trials or _is_over(circuit.trials_until, now)


def take_trial(circuit: Circuit, now: datetime, lease: timedelta, limits: Limits) -> CircuitChange | None:
    """Give one trial away; in a new round where the circuit was open, or the answers of this round never came."""
    lost = circuit.trials > circuit.trials_passed and _is_over(circuit.trials_until, now)
    change = None
    if circuit.state == OPEN or lost or circuit.trials >= limits.trials:
        why = "trial calls may leave" if circuit.state == OPEN else "trial calls never came back"
        change = _move(circuit, HALF_OPEN, why, PAYSITE, now)
        circuit.epoch += 1
        circuit.trials = circuit.trials_passed = 0
    circuit.trials += 1
    circuit.trials_until = now + lease
    return change


def hear(circuit: Circuit, report: Report, now: datetime, limits: Limits) -> CircuitChange | None:
    """Let the end of a call take effect. A call of an earlier epoch says nothing about the present round."""
    if report.granted.epoch != circuit.epoch:
        return None
    if circuit.held:
        if report.failed:
            _note(circuit, report, now)
        return None
    if circuit.state == HALF_OPEN and report.granted.trial:
        return _hear_trial(circuit, report, now, limits)
    if circuit.state == CLOSED and not report.unsent:
        return _hear_closed(circuit, report, now, limits)
    return None


def hear_health(circuit: Circuit, now: datetime) -> CircuitChange | None:
    """Close a circuit that nothing but health checks opened: they have been good for long enough."""
    if circuit.held or circuit.state == CLOSED or circuit.failed_because != HEALTH_CHECK:
        return None
    return _close(circuit, "health checks are good again", HEALTH, now)


def hold(circuit: Circuit, held: str, why: str, by: str, now: datetime) -> CircuitChange:
    """Keep the circuit `open` or `closed` by hand. The answers of calls under way say nothing any more."""
    before = state_of(circuit)
    circuit.epoch += 1
    change = _close(circuit, why, by, now) if held == "closed" else _open(circuit, why, by, now, None)
    circuit.held = held
    if circuit.failed_because == HEALTH_CHECK:
        # A person has judged it: health checks alone do not close it after the release.
        circuit.failed_because = ""
    change.before, change.after = before, state_of(circuit)
    return change


def release(circuit: Circuit, why: str, by: str, now: datetime) -> CircuitChange:
    """Let the machine decide again: what was held open offers trials at once, what was held closed is closed."""
    before, was_open = state_of(circuit), circuit.held == "open"
    circuit.epoch += 1
    circuit.held = ""
    change = _open(circuit, why, by, now, now) if was_open else _close(circuit, why, by, now)
    change.before = before
    return change


def _hear_trial(circuit: Circuit, report: Report, now: datetime, limits: Limits) -> CircuitChange | None:
    if report.unsent:
        circuit.trials -= 1
        return None
    if report.failed:
        _note(circuit, report, now)
        return _open(circuit, f"a trial call failed: {report.reason}", PAYSITE, now, _later(now, limits))
    circuit.trials_passed += 1
    if circuit.trials_passed < limits.trials:
        return None
    return _close(circuit, f"{circuit.trials_passed} trial calls came back well", PAYSITE, now)


def _hear_closed(circuit: Circuit, report: Report, now: datetime, limits: Limits) -> CircuitChange | None:
    if not report.failed:
        # Begun after the first of these failures: it saw them, and they are not a later run than the one it saw.
        seen = 0 < report.granted.failures <= circuit.failures
        if seen and (not report.health or circuit.failed_because == HEALTH_CHECK):
            circuit.failures = 0
        return None
    if circuit.failed_at is not None and now - circuit.failed_at > FORGET_AFTER:
        circuit.failures = 0
    _note(circuit, report, now)
    circuit.failures += 1
    if circuit.failures < limits.failures and not report.at_once:
        return None
    by = HEALTH if circuit.failed_because == HEALTH_CHECK else PAYSITE
    times = f"{circuit.failures} failures in a row" if circuit.failures > 1 else "failed"
    return _open(circuit, f"{times}: {circuit.failed_because}", by, now, _later(now, limits))


def _note(circuit: Circuit, report: Report, now: datetime) -> None:
    """Note the failure. A health check never covers a failure of a real call in the same run of failures."""
    circuit.failed_at = now
    if not report.health:
        circuit.failed_because = report.reason[:64]
    elif circuit.failures == 0:
        circuit.failed_because = HEALTH_CHECK


def _open(circuit: Circuit, why: str, by: str, now: datetime, try_at: datetime | None) -> CircuitChange:
    change = _move(circuit, OPEN, why, by, now)
    circuit.epoch += 1
    # Of the whole outage: trials that fail go on with it.
    circuit.opened_at = circuit.opened_at or now
    circuit.try_at = try_at
    circuit.trials = circuit.trials_passed = 0
    circuit.trials_until = None
    return change


def _close(circuit: Circuit, why: str, by: str, now: datetime) -> CircuitChange:
    change = _move(circuit, CLOSED, why, by, now)
    circuit.failures = circuit.trials = circuit.trials_passed = 0
    circuit.opened_at = circuit.try_at = circuit.trials_until = None
    return change


def _move(circuit: Circuit, state: str, why: str, by: str, now: datetime) -> CircuitChange:
    before = state_of(circuit)
    circuit.state, circuit.why, circuit.changed_by, circuit.changed_at = state, why[:200], by[:64], now
    return CircuitChange(
        gateway=circuit.gateway,
        operation=circuit.operation,
        before=before,
        after=state_of(circuit),
        why=circuit.why,
        changed_by=circuit.changed_by,
        at=now,
    )


def _later(now: datetime, limits: Limits) -> datetime:
    return now + timedelta(seconds=limits.seconds)


def _is_over(until: datetime | None, now: datetime) -> bool:
    return until is None or until <= now
