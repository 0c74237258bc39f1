"""What an operator does to a circuit breaker by hand (requirement B6, docs/breaker.md).

Each change needs a reason and is written as a CircuitChange with the operator's name.
"""

from datetime import datetime
from functools import partial

from django.conf import settings

from payments.free_text import one_line
from payments.models import Circuit, CircuitChange
from payments.reliability import breaker, circuit_rules


class UnknownCircuitError(LookupError):
    """There is no such gateway in the settings, or no such kind of operation."""


class ReasonMissingError(ValueError):
    """A change by hand needs a reason."""


class CannotChangeCircuitError(Exception):
    """The circuit is as it was asked to be, or is not held; `code` says which. Nothing was changed."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def hold_open(gateway: str, operation: str, operator: str, reason: str) -> Circuit:
    """Let no call of this kind leave until somebody releases the circuit; calls under way end as they do.

    Raises UnknownCircuitError, ReasonMissingError, UnprintableError (payments/free_text.py) and
    CannotChangeCircuitError (`held_already`).
    """
    return _hold(gateway, operation, operator, reason, "open")


def hold_closed(gateway: str, operation: str, operator: str, reason: str) -> Circuit:
    """Let every call of this kind leave, whatever fails, until somebody releases the circuit; raises as hold_open."""
    return _hold(gateway, operation, operator, reason, "closed")


def release(gateway: str, operation: str, operator: str, reason: str) -> Circuit:
    """Let the machine decide again: held open, it offers trial calls at once; held closed, it is closed.

    Raises UnknownCircuitError, ReasonMissingError, UnprintableError and CannotChangeCircuitError (`not_held`).
    """
    by, why = _checked(gateway, operation, operator, reason)
    return breaker.change(gateway, operation, partial(_release, why, by))


def _hold(gateway: str, operation: str, operator: str, reason: str, held: str) -> Circuit:
    by, why = _checked(gateway, operation, operator, reason)
    return breaker.change(gateway, operation, partial(_held, held, why, by))


def _held(held: str, why: str, by: str, circuit: Circuit, now: datetime) -> CircuitChange:
    if circuit.held == held:
        raise CannotChangeCircuitError("held_already")
    return circuit_rules.hold(circuit, held, why, by, now)


def _release(why: str, by: str, circuit: Circuit, now: datetime) -> CircuitChange:
    if not circuit.held:
        raise CannotChangeCircuitError("not_held")
    return circuit_rules.release(circuit, why, by, now)


def _checked(gateway: str, operation: str, operator: str, reason: str) -> tuple[str, str]:
    """Return the operator as the record names one, and the reason; raise where something is missing or unknown."""
    known = any(options["name"] == gateway for options in settings.GATEWAYS)
    if not known or operation not in Circuit.Operation.values:
        raise UnknownCircuitError(f"{gateway} {operation}")
    why = one_line(reason)
    if not why:
        raise ReasonMissingError
    return f"operator:{operator}", why
