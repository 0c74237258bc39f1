"""What recovery has to do and what its last runs did, for the front page (requirement C2)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from payments.admin import sentences
from payments.admin.base import page_of
from payments.admin.formats import ago
from payments.admin.overview.queues import Card
from payments.models import RecoveryRun
from payments.queries import recovery_runs

_RUNS: Final = 5


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. found, repaired: in words."""

    url: str
    when: str
    trigger: str
    found: str
    repaired: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """unknown: the queue of unknown outcomes, which the front page has read already."""

    unknown: Card
    runs: Sequence[RunRow]


def recovery(cards: Iterable[Card], now: datetime) -> Recovery:
    """Return the panel, with one statement."""
    unknown = next(card for card in cards if card.queue.slug == "unknown")
    runs = recovery_runs().select_related("client")[:_RUNS]
    return Recovery(unknown, [_row(run, now) for run in runs])


def _row(run: RecoveryRun, now: datetime) -> RunRow:
    whose = f", only of {run.client.name}" if run.client else ""
    return RunRow(
        url=page_of(run),
        when=ago(run.started_at, now),
        trigger=f"{run.get_trigger_display()}{whose}",
        found=sentences.of_found(run.found) if run.finished_at else "not finished",
        repaired=sentences.of_repaired(run.repaired) if run.finished_at else "not finished",
    )
