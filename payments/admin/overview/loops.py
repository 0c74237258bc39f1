"""Whether anybody settles payments, and sends what is to be sent: the heartbeats of the loops, in plain words."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from payments.admin.formats import span
from payments.models import SettleLoop
from payments.services.wake import OUTBOX, every_slot

# A loop hands over to its successor every 40 s, for which its slot shows a beat 20 s old for a moment.
SILENT_AFTER: Final = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class LoopRow:
    """One slot for a loop. words: what is to be said about it."""

    name: str
    works: bool
    words: str

    @property
    def settles(self) -> bool:
        """Say whether it settles payments; the other one sends events, messages and alerts."""
        return self.name != OUTBOX


def loop_rows(now: datetime) -> list[LoopRow]:
    """Return every slot that must have a loop, and any other that still beats."""
    beats = {loop.name: loop.beat_at for loop in SettleLoop.objects.all()}
    wanted = every_slot()
    others = [name for name, beat in beats.items() if name not in wanted and beat and now - beat < SILENT_AFTER]
    return [_row(name, beats.get(name), now) for name in (*wanted, *sorted(others))]


def _row(name: str, beat: datetime | None, now: datetime) -> LoopRow:
    if beat is None:
        return LoopRow(name, works=False, words="never gave a sign of life")
    silence = now - beat
    if silence < SILENT_AFTER:
        return LoopRow(name, works=True, words=f"working, last sign of life {span(silence)} ago")
    return LoopRow(name, works=False, words=f"no sign of life for {span(silence)}")
