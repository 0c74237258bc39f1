"""Circuit breakers in words (requirement B6), for the front page and the page of a gateway."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payments.admin import sentences
from payments.admin.formats import ago, span
from payments.models import Circuit

_OPEN: Final = Circuit.State.OPEN
_HALF_OPEN: Final = Circuit.State.HALF_OPEN
_CLOSED: Final = Circuit.State.CLOSED
# Icon and colour of a state; the words always stand beside them.
_LOOKS: Final = {
    _CLOSED: ("check_circle", "success"),
    _HALF_OPEN: ("hourglass_top", "warning"),
    _OPEN: ("block", "danger"),
}
_PLURAL: Final = dict(Circuit.Operation.choices)


@dataclass(frozen=True, slots=True)
class Breaker:
    """One breaker. mode: closed, open or half_open, as calls meet it. words: that, and whether by hand.

    since, next_try, failures, last_failure: in words, a dash where there is nothing to say. reason: of the last
    change, while it is not closed by itself. why: both state and cause, for a sentence about it.
    """

    gateway: str
    operation: str
    name: str
    mode: str
    words: str
    since: str = "—"
    next_try: str = "—"
    failures: str = "0"
    last_failure: str = "—"
    reason: str = ""
    why: str = ""

    @property
    def icon(self) -> str:
        return _LOOKS[Circuit.State(self.mode)][0]

    @property
    def colour(self) -> str:
        return _LOOKS[Circuit.State(self.mode)][1]


def breakers(gateways: Iterable[str], circuits: Iterable[Circuit], now: datetime) -> list[Breaker]:
    """Return every breaker of every one of `gateways`; one that never had to do anything has no row and is closed."""
    rows = {(circuit.gateway, circuit.operation): circuit for circuit in circuits}
    return [
        _breaker(gateway, operation, rows.get((gateway, operation)), now)
        for gateway in gateways
        for operation in Circuit.Operation.values
    ]


def mode_of(circuit: Circuit) -> str:
    """Return how calls meet the circuit: what an operator holds outranks what the machine found."""
    return circuit.held or circuit.state


def _breaker(gateway: str, operation: str, circuit: Circuit | None, now: datetime) -> Breaker:
    name = _PLURAL[operation]
    if circuit is None:
        return Breaker(gateway, operation, name, _CLOSED, "Closed")
    mode = mode_of(circuit)
    return Breaker(
        gateway=gateway,
        operation=operation,
        name=name,
        mode=mode,
        words=_words(circuit, mode),
        since=_since(circuit, now),
        next_try=_next_try(circuit, now),
        failures=str(circuit.failures),
        last_failure=_last_failure(circuit, now),
        reason=circuit.why if circuit.held or mode != _CLOSED else "",
        why=_why(circuit, mode, now),
    )


def _words(circuit: Circuit, mode: str) -> str:
    words = Circuit.State(mode).label
    return f"{words} by hand" if circuit.held else words


def _since(circuit: Circuit, now: datetime) -> str:
    at = since_of(circuit)
    return f"{_short(at, now)}, {span(now - at)}"


def since_of(circuit: Circuit) -> datetime:
    """Return when the present state began; of an open circuit the time of its opening, whatever trials came after."""
    is_by_itself_open = not circuit.held and circuit.state != _CLOSED
    return circuit.opened_at if is_by_itself_open and circuit.opened_at else circuit.changed_at


def _short(at: datetime, now: datetime) -> str:
    """Return `14:02 UTC`, with the day where it was not today."""
    return f"{at:%H:%M} UTC" if at.date() == now.date() else f"{at:%Y-%m-%d %H:%M} UTC"


def _next_try(circuit: Circuit, now: datetime) -> str:
    if circuit.held:
        return f"not by itself: held by {sentences.who(circuit.changed_by)}"
    if circuit.state == _HALF_OPEN:
        return f"now: {circuit.trials} trial calls given away, {circuit.trials_passed} came back well"
    if circuit.state != _OPEN:
        return "—"
    if circuit.try_at is None or circuit.try_at <= now:
        return "with the next call"
    return f"in {span(circuit.try_at - now)}"


def _last_failure(circuit: Circuit, now: datetime) -> str:
    if circuit.failed_at is None:
        return "—"
    because = sentences.of_reason(circuit.failed_because) if circuit.failed_because else "no reason noted"
    return f"{ago(circuit.failed_at, now)}: {because}"


def _why(circuit: Circuit, mode: str, now: datetime) -> str:
    """Return the end of the sentence "the breaker of primary's charges …"."""
    since = _short(since_of(circuit), now)
    if mode == _CLOSED and not circuit.held:
        return ""
    if circuit.held:
        return f"has been held {mode} by {sentences.who(circuit.changed_by)} since {since}: {circuit.why}"
    cause = sentences.of_reason(circuit.failed_because) if circuit.failed_because else circuit.why
    times = f" ×{circuit.failures}" if circuit.failures > 1 else ""
    trial = ", and trial calls test it now" if mode == _HALF_OPEN else ""
    return f"has been open since {since}{', ' if cause else ''}{cause}{times if cause else ''}{trial}"
