"""Lays the hours out as bars of an SVG: drawn on the server, so that it needs no script and prints."""

from dataclasses import dataclass
from typing import Final

from payments.admin.overview.volume import Volume

WIDTH: Final = 480
HEIGHT: Final = 80
_GAP: Final = 4
# A single payment among thousands is still to be seen.
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Piece:
    kind: str
    y: int
    height: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour. words: what a reader hears or sees on pointing at it."""

    x: int
    width: int
    words: str
    pieces: list[Piece]


@dataclass(frozen=True, slots=True)
class Chart:
    """The bars of the last hours, oldest first; lengths in units of the SVG's view box."""

    width: int
    height: int
    first: str
    bars: list[Bar]


def chart(volume: Volume) -> Chart:
    highest = max((tally.total for _, tally in volume.hours), default=0) or 1
    step = WIDTH // len(volume.hours)
    bars = []
    for place, (start, tally) in enumerate(volume.hours):
        pieces, y = [], HEIGHT
        for kind, count in (("paid", tally.paid), ("failed", tally.failed), ("other", tally.other)):
            if count:
                height = max(count * HEIGHT // highest, _LEAST)
                y = max(y - height, 0)
                pieces.append(Piece(kind, y, height))
        words = f"{start:%H:%M} UTC: {tally.total} accepted, {tally.paid} paid, {tally.failed} failed"
        bars.append(Bar(x=place * step, width=step - _GAP, words=words, pieces=pieces))
    return Chart(width=WIDTH, height=HEIGHT, first=f"{volume.hours[0][0]:%H:%M}", bars=bars)
