"""What an operator may do with a circuit breaker, and what happens then (requirement B6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from django.conf import settings

from payments.models import Circuit
from payments.services import circuits

_CHARGE, _LOOK_UP, _REFUND, _LIST = Circuit.Operation.values
# What stops while the breaker is open.
_STOPS: Final[Mapping[str, str]] = {
    _CHARGE: "No new charge is sent to {gateway}. New payments go to the next gateway of the ladder; where there is "
    "none, orders of trusted customers are accepted to be charged later and others fail kindly. Charges that are under "
    "way are not touched: what became of them is still asked.",
    _LOOK_UP: "Nobody asks {gateway} what became of a charge. Outcomes that are unknown stay unknown meanwhile, and "
    "those payments are tried nowhere else.",
    _REFUND: "{gateway} is not told to give any money back. What is owed stays owed and is given back afterwards.",
    _LIST: "{gateway}'s own list of charges is not read. A charge that it makes without right is not seen meanwhile.",
}


@dataclass(frozen=True, slots=True)
class Act:
    """One act. will: what happens, told for a circuit. why_not: why it cannot be done now, empty where it can.

    act: does it, by gateway, operation, operator's name and reason.
    """

    slug: str
    label: str
    done: str
    will: Callable[[Circuit], str]
    why_not: Callable[[Circuit], str]
    act: Callable[[str, str, str, str], object]
    is_dangerous: bool = False


def _will_open(circuit: Circuit) -> str:
    stops = _STOPS[circuit.operation].format(gateway=circuit.gateway)
    return f"{stops} This holds at once in all processes, after restarts too, until somebody says otherwise here."


def _will_close(circuit: Circuit) -> str:
    return (
        f"{_calls(circuit)} go out to {circuit.gateway} however often they fail: the breaker does not open by itself "
        "any more. If the gateway is down, each call costs its customer the whole time-out. This holds at once in all "
        "processes, after restarts too, until somebody says otherwise here."
    )


def _will_release(circuit: Circuit) -> str:
    decides = f"The machine decides again about {_calls(circuit).lower()} at {circuit.gateway}. "
    if circuit.held == Circuit.State.OPEN:
        return f"{decides}{settings.BREAKER_TRIALS} trial calls may leave at once; if all go well, the breaker closes."
    return f"{decides}The breaker is closed, and opens after {settings.BREAKER_FAILURES} failures in a row."


def _calls(circuit: Circuit) -> str:
    return str(Circuit.Operation(circuit.operation).label)


ACTS: Final = {
    act.slug: act
    for act in (
        Act(
            slug="open",
            label="Open by hand",
            done="The breaker is held open: no such call leaves any more.",
            will=_will_open,
            why_not=lambda circuit: "It is held open by hand already." if circuit.held == "open" else "",
            act=circuits.hold_open,
            is_dangerous=True,
        ),
        Act(
            slug="close",
            label="Close by hand",
            done="The breaker is held closed: such calls go out however often they fail.",
            will=_will_close,
            why_not=lambda circuit: "It is held closed by hand already." if circuit.held == "closed" else "",
            act=circuits.hold_closed,
            is_dangerous=True,
        ),
        Act(
            slug="automatic",
            label="Back to automatic",
            done="The breaker is back to automatic.",
            will=_will_release,
            why_not=lambda circuit: "" if circuit.held else "It is automatic already: nobody holds it by hand.",
            act=circuits.release,
        ),
    )
}
