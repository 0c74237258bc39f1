"""What a gateway's own health call said last, in words (requirement B9): asked only when nothing else tells."""

from dataclasses import dataclass
from datetime import datetime

from payments.admin.formats import ago, span
from payments.models import GatewayHealth


@dataclass(frozen=True, slots=True)
class Health:
    """is_good: None where nothing is known."""

    words: str
    is_good: bool | None = None


def healths() -> dict[str, GatewayHealth]:
    """Return what is known of every gateway that was ever checked, by its name."""
    return {row.gateway: row for row in GatewayHealth.objects.all()}


def health_of(row: GatewayHealth | None, now: datetime) -> Health:
    if row is None or row.healthy is None:
        return Health("not checked yet")
    checked = f"checked {ago(row.checked_at, now)}"
    length = f" for {span(now - row.since)}" if row.since else ""
    times = f", {row.in_a_row} times in a row" if row.in_a_row > 1 else ""
    return Health(f"{'healthy' if row.healthy else 'not healthy'}{length} ({checked}{times})", row.healthy)
