"""Circuit breakers in words (requirement B6), for the front page and the page of a gateway."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payments.admin import sentences
from payments.admin.formats import ago, short, span
from payments.models import Circuit
from payments.reliability.breaker import BELIEVE_HEALTH_FOR, Board
from payments.reliability.circuit_rules import Limits

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

    admits: whether a call would leave now; trials_left: how many of those calls would be trials. since, next_try,
    failures, last_failure: in words, a dash where there is nothing to say. reason: of the last change, while it is not
    closed by itself; is_held: by hand. why: both state and cause, for a sentence; short: the same in few words.
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
    short: str = ""
    admits: bool = True
    trials_left: int = 0
    is_held: bool = False

    @property
    def icon(self) -> str:
        return self._look[0]

    @property
    def colour(self) -> str:
        return self._look[1]

    @property
    def _look(self) -> tuple[str, str]:
        return _LOOKS[_HALF_OPEN if self.trials_left else Circuit.State(self.mode)]


def breakers(gateways: Iterable[str], circuits: Iterable[Circuit], now: datetime, board: Board) -> list[Breaker]:
    """Return every breaker of every one of `gateways`; one that never had to do anything has no row and is closed.

    board: of the same circuits at the same time; it alone knows whether a call would leave.
    """
    rows = {(circuit.gateway, circuit.operation): circuit for circuit in circuits}
    return [
        _breaker(gateway, operation, rows.get((gateway, operation)), now, board)
        for gateway in gateways
        for operation in Circuit.Operation.values
    ]


def mode_of(circuit: Circuit) -> str:
    """Return how calls meet the circuit: what an operator holds outranks what the machine found."""
    return circuit.held or circuit.state


def _breaker(gateway: str, operation: str, circuit: Circuit | None, now: datetime, board: Board) -> Breaker:
    name = _PLURAL[operation]
    if circuit is None:
        return Breaker(gateway, operation, name, _CLOSED, "Closed")
    mode = mode_of(circuit)
    admits = mode == _CLOSED or board.admits(gateway, operation)
    trials_left = _trials_left(circuit) if admits and mode != _CLOSED else 0
    return Breaker(
        gateway=gateway,
        operation=operation,
        name=name,
        mode=mode,
        words=_words(circuit, mode, trials_left),
        since=_since(circuit, now),
        next_try=_next_try(circuit, now, admits=admits),
        failures=str(circuit.failures),
        last_failure=_last_failure(circuit, now),
        reason=circuit.why if circuit.held or mode != _CLOSED else "",
        why=_why(circuit, mode, now, admits=admits),
        short=_short_why(circuit, mode, now, admits=admits),
        admits=admits,
        trials_left=trials_left,
        is_held=bool(circuit.held),
    )


def _trials_left(circuit: Circuit) -> int:
    """Return how many trials may leave now, where any may: of this round, or else all of a new one."""
    limit = Limits.from_settings().trials
    left = limit - circuit.trials if circuit.state == _HALF_OPEN else limit
    return left if left > 0 else limit


def _words(circuit: Circuit, mode: str, trials_left: int) -> str:
    words = Circuit.State(mode).label
    if circuit.held:
        return f"{words} by hand"
    return f"{words}, being tried again" if trials_left and mode == _OPEN else words


def _since(circuit: Circuit, now: datetime) -> str:
    at = since_of(circuit)
    return f"{short(at, now)}, {span(now - at)}"


def since_of(circuit: Circuit) -> datetime:
    """Return when the present state began; of an open circuit the time of its opening, whatever trials came after."""
    is_by_itself_open = not circuit.held and circuit.state != _CLOSED
    return circuit.opened_at if is_by_itself_open and circuit.opened_at else circuit.changed_at


def _next_try(circuit: Circuit, now: datetime, *, admits: bool) -> str:
    if circuit.held:
        return f"not by itself: held by {sentences.who(circuit.changed_by)}"
    if circuit.state == _HALF_OPEN:
        return f"now: {circuit.trials} trial calls given away, {circuit.trials_passed} came back well"
    if circuit.state != _OPEN:
        return "—"
    if circuit.try_at is not None and circuit.try_at > now:
        return f"in {span(circuit.try_at - now)}"
    if admits:
        return "with the next call"
    latest = circuit.changed_at + BELIEVE_HEALTH_FOR - now
    return f"when its own health call is good again, at the latest in {span(latest)}"


def _last_failure(circuit: Circuit, now: datetime) -> str:
    if circuit.failed_at is None:
        return "—"
    because = sentences.in_words(circuit.failed_because) if circuit.failed_because else "no reason noted"
    return f"{ago(circuit.failed_at, now)}: {because}"


def _why(circuit: Circuit, mode: str, now: datetime, *, admits: bool) -> str:
    """Return the end of the sentence "the breaker of primary's charges …"."""
    if mode == _CLOSED and not circuit.held:
        return ""
    since = short(since_of(circuit), now)
    if circuit.held:
        return f"has been held {mode} by {sentences.who(circuit.changed_by)} since {since}: {circuit.why}"
    cause = _cause(circuit, now, sentences.in_words(circuit.failed_because), admits=admits)
    return f"has been open since {since}{', ' if cause else ''}{cause}"


def _short_why(circuit: Circuit, mode: str, now: datetime, *, admits: bool) -> str:
    """Return since when no call leaves, and why: `since 14:02 UTC (the connection was reset ×5)`."""
    if mode == _CLOSED:
        return ""
    if circuit.held:
        why = f"held open by {sentences.who(circuit.changed_by)}: {circuit.why}"
    else:
        under_way = "its trial calls are under way" if circuit.state == _HALF_OPEN and not admits else ""
        cause = _cause(circuit, now, sentences.in_words(circuit.failed_because), admits=admits)
        why = "; ".join(part for part in (under_way, cause) if part)
    return f"since {short(since_of(circuit), now)}{f' ({why})' if why else ''}"


def _cause(circuit: Circuit, now: datetime, words: str, *, admits: bool) -> str:
    """Return what keeps it open: `the connection was reset ×5`. Of an earlier failure only when that was."""
    if circuit.failed_at is None or not circuit.failed_because:
        return ""
    if admits or circuit.state == _HALF_OPEN or circuit.failed_at != circuit.opened_at:
        return f"last failed {short(circuit.failed_at, now)}: {words}"
    return f"{words}{f' ×{circuit.failures}' if circuit.failures > 1 else ''}"
