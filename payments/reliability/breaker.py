"""Circuit breakers that all processes share, one row for each gateway and kind of operation (requirement B6).

Taking a trial and hearing how a call ended are changes of locked rows, so that exactly as many trials leave as the
rules say (payments/reliability/circuit_rules.py), over all processes and restarts. While a circuit is closed and well,
nobody locks or writes its row. Order of locks: payments, then allowances, then circuits by (gateway, operation).
"""

import logging
from collections.abc import Callable, Container, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Q

from payments.clock import database_now
from payments.crash_points import reach
from payments.models import Circuit, CircuitChange, GatewayHealth
from payments.notices import Severity, tell
from payments.reliability import calls, circuit_rules
from payments.reliability.circuit_rules import CLOSED, Limits, Pass, Report, offers_trial

__all__ = ["Board", "Pass", "Report", "change", "close_by_health", "record"]

logger = logging.getLogger(__name__)

Key = tuple[str, str]
# While all trials are under way, their answers are seconds away.
TRIALS_ANSWER_WITHIN: Final = timedelta(seconds=5)
# What a health check said longer ago than this says nothing about now.
HEALTH_IS_FRESH: Final = timedelta(seconds=60)
# While a gateway's own health check fails no customer is its trial, but after so long one round of them is.
BELIEVE_HEALTH_FOR: Final = timedelta(minutes=5)
_CHANGES: Final = (
    *("state", "failures", "epoch", "opened_at", "try_at", "trials", "trials_passed", "trials_until"),
    *("held", "why", "changed_by", "changed_at", "failed_at", "failed_because"),
)


def trial_lease() -> timedelta:
    """Return after how long a trial whose answer never came is given up: longer than any call can take."""
    return timedelta(seconds=calls.budget() + 10)


class Board:
    """All circuits as of one moment. Made once per claim, inside its transaction; one query while all are closed."""

    def __init__(self, circuits: Iterable[Circuit], now: datetime, sick: Container[str] = ()) -> None:
        self._circuits: dict[Key, Circuit] = {_key(circuit): circuit for circuit in circuits}
        self._sick = sick
        self._now = now
        self._limits = Limits.from_settings()
        self._locked: set[Key] = set()

    @classmethod
    def read(cls, now: datetime) -> "Board":
        """Read all circuits without locking any; `now` is the database's time."""
        circuits = list(Circuit.objects.all())
        is_well = all(circuit.state == CLOSED for circuit in circuits)
        return cls(circuits, now, () if is_well else _sick(now))

    def glance(self, gateway: str, operation: str) -> Pass:
        """Return the present epoch and failures for a call that needs no permission: a health check."""
        circuit = self._circuits.get((gateway, operation))
        epoch, failures = (circuit.epoch, circuit.failures) if circuit else (0, 0)
        return Pass(gateway, operation, epoch, trial=False, failures=failures)

    def is_closed(self, gateway: str, operation: str) -> bool:
        """Say whether calls may leave without being trials."""
        circuit = self._circuits.get((gateway, operation))
        return circuit is None or circuit.state == CLOSED

    def admits(self, gateway: str, operation: str) -> bool:
        """Say whether a call would be allowed now; takes nothing."""
        return self.is_closed(gateway, operation) or self._offers_trial((gateway, operation))

    def admit(self, gateway: str, operation: str) -> Pass | None:
        """Return permission for one call, a trial's where the circuit is not closed; None: do not call.

        A trial is taken in the caller's transaction, which must be open, and is back should that be undone.
        """
        key = (gateway, operation)
        if not self.is_closed(*key):
            if self._offers_trial(key) and key not in self._locked:
                self._lock_offers()
            if not self.is_closed(*key):
                return self._take_trial(key) if self._offers_trial(key) else None
        return self.glance(*key)

    def next_try(self, gateway: str, operation: str) -> datetime | None:
        """Return when to try again; None where a call is allowed now.

        While an operator holds the circuit open nobody knows when: look again after the time of an opening.
        """
        if self.admits(gateway, operation):
            return None
        circuit = self._circuits[gateway, operation]
        if circuit.held or circuit.state == circuit_rules.OPEN:
            at = circuit.try_at or self._now + timedelta(seconds=self._limits.seconds)
            return max(at, self._now + TRIALS_ANSWER_WITHIN)
        soon = self._now + TRIALS_ANSWER_WITHIN
        return min(circuit.trials_until, soon) if circuit.trials_until else soon

    def _offers_trial(self, key: Key) -> bool:
        return offers_trial(self._circuits[key], self._now, self._limits) and not self._is_vetoed(key)

    def _is_vetoed(self, key: Key) -> bool:
        """Say whether the gateway's own health check spares customers from being its trial.

        Not for ever: a health call may be broken where charges work.
        """
        gateway, operation = key
        if operation != Circuit.Operation.CHARGE or gateway not in self._sick:
            return False
        return self._now - self._circuits[key].changed_at < BELIEVE_HEALTH_FOR

    def _lock_offers(self) -> None:
        """Lock everything a trial may be taken from, at once and in order: whoever comes later waits for no other."""
        offers = [circuit.pk for key, circuit in self._circuits.items() if self._offers_trial(key)]
        for circuit in _locked(Q(pk__in=offers)):
            self._circuits[_key(circuit)] = circuit
            self._locked.add(_key(circuit))

    def _take_trial(self, key: Key) -> Pass:
        circuit = self._circuits[key]
        _write([circuit], [circuit_rules.take_trial(circuit, self._now, trial_lease(), self._limits)])
        return Pass(*key, circuit.epoch, trial=True, failures=circuit.failures)


def _sick(now: datetime) -> set[str]:
    bad = GatewayHealth.objects.filter(healthy=False, checked_at__gt=now - HEALTH_IS_FRESH)
    return set(bad.values_list("gateway", flat=True))


def record(reports: Sequence[Report]) -> None:
    """Let the ends of calls take effect, in a transaction of its own; without any query where they change nothing."""
    telling = [report for report in reports if _tells(report)]
    if telling:
        if __debug__:
            reach("breaker.begin")
        _change({(report.granted.gateway, report.granted.operation) for report in telling}, partial(_hear, telling))
        if __debug__:
            reach("breaker.committed")


def _tells(report: Report) -> bool:
    """Say whether the report can change anything: a failure, a trial, or a good call that may end a run of failures."""
    is_good = report.granted.failures > 0 and not report.unsent
    return report.failed or report.granted.trial or is_good


def close_by_health(gateway: str) -> None:
    """Close the charge circuit of `gateway` where nothing but health checks opened it: they are good again."""
    key = (gateway, Circuit.Operation.CHARGE.value)
    _change({key}, lambda circuits, now: [circuit_rules.hear_health(circuits[key], now)])


def change(gateway: str, operation: str, act: Callable[[Circuit, datetime], CircuitChange]) -> Circuit:
    """Let `act` change the locked circuit at the database's time, and return it; for changes by hand."""
    key = (gateway, operation)
    return _change({key}, lambda circuits, now: [act(circuits[key], now)])[key]


def _hear(reports: Iterable[Report], circuits: dict[Key, Circuit], now: datetime) -> list[CircuitChange | None]:
    limits = Limits.from_settings()
    return [
        circuit_rules.hear(circuits[report.granted.gateway, report.granted.operation], report, now, limits)
        for report in reports
    ]


def _change(
    keys: set[Key], act: Callable[[dict[Key, Circuit], datetime], list[CircuitChange | None]]
) -> dict[Key, Circuit]:
    """Lock the circuits of `keys`, make those that have no row yet, let `act` change them, and write what it did."""
    wanted = Q()
    for gateway, operation in keys:
        wanted |= Q(gateway=gateway, operation=operation)
    while True:
        with transaction.atomic():
            circuits = {_key(circuit): circuit for circuit in _locked(wanted)}
            if len(circuits) == len(keys):
                before = {key: _values(circuit) for key, circuit in circuits.items()}
                changes = act(circuits, database_now())
                _write([circuit for key, circuit in circuits.items() if _values(circuit) != before[key]], changes)
                return circuits
        # Before any lock is held, and whoever else does the same at this moment is no conflict.
        missing = sorted(keys - circuits.keys())
        Circuit.objects.bulk_create(
            [Circuit(gateway=key[0], operation=key[1]) for key in missing], ignore_conflicts=True
        )


def _locked(wanted: Q) -> list[Circuit]:
    found = Circuit.objects.filter(wanted).order_by("gateway", "operation")
    if connection.features.has_select_for_update:
        found = found.select_for_update(no_key=True)
    # Elsewhere the transaction itself holds the one write lock (settings: IMMEDIATE).
    return list(found)


def _write(circuits: Iterable[Circuit], changes: Iterable[CircuitChange | None]) -> None:
    for circuit in circuits:
        circuit.save(update_fields=_CHANGES)
    for made in changes:
        if made is not None:
            made.save(force_insert=True)
            _alert(made)
            transaction.on_commit(partial(_tell, made))


def _alert(made: CircuitChange) -> None:
    """Tell the team, in the transaction of the change, that a breaker opened by itself, or closed again (G7).

    Lists are read for comparison only: nobody need get up for them.
    """
    if made.operation == Circuit.Operation.LIST:
        return
    which = f"{made.gateway} ({Circuit.Operation(made.operation).label.lower()})"
    key, page = f"circuit:{made.pk}", "/admin/payments/circuit/"
    if (made.before, made.after) == (CLOSED, circuit_rules.OPEN):
        tell("breaker_opened", key, f"Breaker opened: {which}", made.why, Severity.WARNING, page)
    elif made.before in {circuit_rules.OPEN, circuit_rules.HALF_OPEN} and made.after == CLOSED:
        tell("breaker_closed", key, f"Breaker closed again: {which}", made.why, Severity.INFO, page)


def _values(circuit: Circuit) -> list[Any]:
    return [getattr(circuit, field) for field in _CHANGES]


def _tell(made: CircuitChange) -> None:
    level = logging.WARNING if made.after in {"open", "held open"} else logging.INFO
    logger.log(
        level,
        "circuit of %s %s: %s to %s, by %s: %s",
        *(made.gateway, made.operation, made.before, made.after, made.changed_by, made.why),
    )


def _key(circuit: Circuit) -> Key:
    return circuit.gateway, str(circuit.operation)
