"""How the gateways do today, from our own attempts, breakers and health calls: the page calls no gateway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db.models import Count, Max
from django.db.models.functions import Coalesce
from django.urls import reverse

from payments.admin.breakers import Breaker, breakers, mode_of
from payments.admin.formats import ago
from payments.admin.overview.health import Health, health_of, healths
from payments.admin.overview.newest import newest_since
from payments.admin.overview.promises import Promise, is_broken, promise_of, watches
from payments.admin.overview.queues import midnight
from payments.models import Attempt, Circuit
from payments.reliability.breaker import Board
from payments.states import AttemptState

# The columns of the table. Everything counts as trouble in which the gateway did not do its work.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "charged": (AttemptState.SUCCEEDED, AttemptState.VOIDED),
    "declined": (AttemptState.DECLINED,),
    "waiting": (AttemptState.SENT, AttemptState.ACTION_REQUIRED),
    "unknown": (AttemptState.UNKNOWN, AttemptState.UNRESOLVED),
    "trouble": (AttemptState.NOT_SENT, AttemptState.REJECTED, AttemptState.NOT_FOUND),
}
BAD: Final = (*COLUMNS["unknown"], *COLUMNS["trouble"])


@dataclass(slots=True)
class GatewayRow:
    """One gateway's attempts of today (UTC) by outcome, and when it last did and did not do its work.

    promise: of all times, not of today. breakers: one per kind of operation. url: of the gateway's own page.
    """

    name: str
    kind: str
    promise: Promise
    health: Health
    breakers: list[Breaker]
    url: str
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COLUMNS, 0))
    last_success: str = "none today"
    last_failure: str = "none today"


def gateway_rows(now: datetime) -> tuple[list[GatewayRow], bool]:
    """Return the gateways in order of preference, and whether only today's newest attempts were read."""
    attempts, is_capped = newest_since(Attempt.objects.all(), "att", midnight(now))
    found = list(
        attempts.values("gateway", "state")
        .annotate(count=Count("pk"), last=Max(Coalesce("finished_at", "sent_at")))
        .order_by()
    )
    kinds = {options["name"]: options["kind"] for options in settings.GATEWAYS}
    watched, checked, circuits, board = watches(), healths(), list(Circuit.objects.all()), Board.read(now)
    # A gateway that was taken out of the settings still has attempts of today to be seen, and promises that it broke.
    gone = [*(entry["gateway"] for entry in found), *(name for name, row in watched.items() if is_broken(row))]
    for name in (*gone, *(circuit.gateway for circuit in circuits if mode_of(circuit) != Circuit.State.CLOSED)):
        kinds.setdefault(name, "no longer in use")
    rows = [
        _row(
            GatewayRow(
                name=name,
                kind=kind,
                promise=promise_of(watched.get(name), now),
                health=health_of(checked.get(name), now),
                breakers=breakers([name], circuits, now, board),
                url=reverse("admin:payments_circuit_gateway", args=[name]),
            ),
            [row for row in found if row["gateway"] == name],
            now,
        )
        for name, kind in kinds.items()
    ]
    return rows, is_capped


def _row(row: GatewayRow, found: list[dict[str, Any]], now: datetime) -> GatewayRow:
    for column, states in COLUMNS.items():
        row.counts[column] = sum(entry["count"] for entry in found if entry["state"] in states)
    good = [entry["last"] for entry in found if entry["state"] in COLUMNS["charged"]]
    bad = [entry["last"] for entry in found if entry["state"] in BAD]
    if good:
        row.last_success = ago(max(good), now)
    if bad:
        row.last_failure = ago(max(bad), now)
    return row
