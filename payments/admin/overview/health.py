"""What a gateway's own health call said last, in words (requirement B9): asked only when nothing else tells."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from payments.admin.formats import ago, span
from payments.models import GatewayHealth

# While anybody asks, that is every 10 s. What was said longer ago than this is told as the past.
PRESENT: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Health:
    """is_good: None where nothing is known of the present. mark: the page's coloured dot."""

    words: str
    is_good: bool | None = None
    mark: str = "unsure"


def healths() -> dict[str, GatewayHealth]:
    """Return what is known of every gateway that was ever checked, by its name."""
    return {row.gateway: row for row in GatewayHealth.objects.all()}


def health_of(row: GatewayHealth | None, now: datetime) -> Health:
    if row is None or row.healthy is None or row.checked_at is None:
        return Health("not checked yet")
    said = "healthy" if row.healthy else "not healthy"
    if now - row.checked_at > PRESENT:
        return Health(f"was {said} when last checked {ago(row.checked_at, now)}", mark="past")
    length = f" for {span(now - row.since)}" if row.since else ""
    times = f", {row.in_a_row} times in a row" if row.in_a_row > 1 else ""
    words = f"{said}{length} (checked {ago(row.checked_at, now)}{times})"
    return Health(words, row.healthy, "good" if row.healthy else "bad")
