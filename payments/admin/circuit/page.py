"""What the page of one gateway shows: its breakers with their acts, what changed them, and what failed last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.urls import reverse

from payments.admin import labels, sentences
from payments.admin.breakers import Breaker, breakers
from payments.admin.circuit.acts import ACTS, Act
from payments.admin.formats import utc
from payments.admin.overview.gateways import BAD
from payments.admin.overview.health import health_of
from payments.admin.overview.ladder import level_now
from payments.admin.overview.newest import newest_since
from payments.admin.overview.queues import midnight
from payments.clock import database_now
from payments.models import Attempt, Circuit, CircuitChange, GatewayHealth
from payments.reliability.breaker import Board
from payments.states import AttemptState

# Changes and failures shown at most, the newest.
_CHANGES: Final = 100
_FAILURES: Final = 20


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a breaker, as a line of the history."""

    time: str
    operation: str
    change: str
    why: str
    who: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt of today in which the gateway did not do its work."""

    time: str
    payment_id: str
    key: str
    outcome: str
    colour: str
    why: str


def in_use() -> list[str]:
    """Return the gateways of the settings, in their order."""
    return [str(options["name"]) for options in settings.GATEWAYS]


def known_gateways() -> list[str]:
    """Return the gateways in use, then those of which only breakers are left."""
    named = in_use()
    left = Circuit.objects.exclude(gateway__in=named).order_by("gateway").values_list("gateway", flat=True)
    return list(dict.fromkeys([*named, *left]))


def circuit_of(gateway: str, operation: str) -> Circuit:
    """Return the circuit's row, or one as it is before its first failure: closed, and not stored."""
    row = Circuit.objects.filter(gateway=gateway, operation=operation).first()
    return row or Circuit(gateway=gateway, operation=operation)


def page(gateway: str, *, may_act: bool) -> dict[str, Any]:
    """Return the template's context. may_act: whether the user's role allows holding breakers at all."""
    now = database_now()
    circuits, board = list(Circuit.objects.all()), Board.read(now)
    rows = breakers([gateway], circuits, now, board)
    return {
        "gateway": gateway,
        "kind": next((row["kind"] for row in settings.GATEWAYS if row["name"] == gateway), "no longer in use"),
        "now": now,
        "level": level_now(breakers(in_use(), circuits, now, board)),
        "health": health_of(GatewayHealth.objects.filter(pk=gateway).first(), now),
        "breakers": [(row, _acts(row, circuits) if may_act else []) for row in rows],
        "changes": [_change(row) for row in CircuitChange.objects.filter(gateway=gateway).order_by("-pk")[:_CHANGES]],
        "failures": _failures(gateway, now),
    }


def _acts(row: Breaker, circuits: list[Circuit]) -> list[tuple[Act, str]]:
    """Return the acts that can be done now, with the address of each one's confirmation page."""
    if row.gateway not in in_use():
        return []
    found = (each for each in circuits if (each.gateway, each.operation) == (row.gateway, row.operation))
    circuit = next(found, Circuit(gateway=row.gateway, operation=row.operation))
    return [
        (act, reverse("admin:payments_circuit_do", args=[row.gateway, row.operation, act.slug]))
        for act in ACTS.values()
        if not act.why_not(circuit)
    ]


def _change(row: CircuitChange) -> Change:
    return Change(
        time=utc(row.at),
        operation=dict(Circuit.Operation.choices).get(row.operation, row.operation),
        change=f"{_state(row.before)} → {_state(row.after)}",
        why=sentences.of_reason(row.why),
        who=sentences.who(row.changed_by),
    )


def _state(word: str) -> str:
    return word.replace("_", " ")


def _failures(gateway: str, now: datetime) -> list[Failure]:
    today, _ = newest_since(Attempt.objects.all(), "att", midnight(now))
    return [_failure(attempt) for attempt in today.filter(gateway=gateway, state__in=BAD).order_by("-pk")[:_FAILURES]]


def _failure(attempt: Attempt) -> Failure:
    return Failure(
        time=utc(attempt.finished_at or attempt.sent_at),
        payment_id=attempt.payment_id,
        key=attempt.gateway_key,
        outcome=str(AttemptState(attempt.state).label),
        colour=labels.ATTEMPT[attempt.state],
        why=sentences.of_reason(attempt.reason) if attempt.reason else "—",
    )
