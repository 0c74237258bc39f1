"""The first sentence of the front page: does anything need a person now?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from payments.admin.overview.ladder import LevelNow
from payments.admin.overview.loops import LoopRow
from payments.admin.overview.queues import Card

# Queues whose rows only a person can finish; the machine itself works on the others.
_FOR_PEOPLE: Final = ("review", "open")
_ALL_WELL: Final = "Nothing waits for a person, and payments are being settled."
_NO_LOOP: Final = (
    "No settle loop works: payments are accepted and kept, but not settled. Start the workers again (docs/console.md), "
    "or look into their log."
)
_NOTHING_SENT: Final = (
    "Nothing is sent: shops get no events, customers no messages, the team no alerts. All of it is kept, and goes out "
    "when a worker runs the loop outbox-1 again."
)


@dataclass(frozen=True, slots=True)
class Headline:
    """colour: success, warning or danger."""

    colour: str
    icon: str
    words: str


def headline(cards: Sequence[Card], loops: Sequence[LoopRow], level: LevelNow) -> Headline:
    """Say the worst thing first, and after it everything else that is not as it should be."""
    counts = {card.queue.slug: card.count for card in cards}
    found = [*_stops_all(counts, loops, level), *_to_be_seen_to(counts, level)]
    found += [Headline("warning", "person_alert", words) for words in _of_others(cards, for_people=True)]
    rest = [*_by_itself(counts), *_of_others(cards, for_people=False)]
    if not found:
        words = ["Nothing waits for a person.", *rest] if rest else [_ALL_WELL]
        return Headline("success", "check_circle", " ".join(words))
    worst = found[0]
    return Headline(worst.colour, worst.icon, " ".join([*(each.words for each in found), *rest]))


def _stops_all(counts: Mapping[str, int], loops: Sequence[LoopRow], level: LevelNow) -> Iterator[Headline]:
    # The loop that sends is no sign that payments are settled.
    if not any(loop.works for loop in loops if loop.settles):
        yield Headline("danger", "error", _NO_LOOP)
    if level.colour == "danger":
        yield Headline("danger", level.icon, level.short)
    if counts["stuck"]:
        yield Headline("danger", "error", f"{_payments(counts['stuck'])} due for over 2 minutes and not taken up.")
    if any(not loop.works and not loop.settles for loop in loops):
        yield Headline("danger", "error", _NOTHING_SENT)


def _to_be_seen_to(counts: Mapping[str, int], level: LevelNow) -> Iterator[Headline]:
    if level.colour == "warning":
        yield Headline("warning", level.icon, level.short)
    waiting = sum(counts[slug] for slug in _FOR_PEOPLE)
    if waiting:
        words = "1 item waits" if waiting == 1 else f"{waiting} items wait"
        yield Headline("warning", "person_alert", f"{words} for a person: see Review and Operator tasks.")


def _by_itself(counts: Mapping[str, int]) -> list[str]:
    """Say what the machine works on."""
    words = []
    if counts["unknown"]:
        words.append(f"{_payments(counts['unknown'])} being checked with the gateway.")
    if counts["queued"]:
        words.append(f"{_payments(counts['queued'])} to be charged later.")
    if counts["to_return"]:
        words.append(f"{_charges(counts['to_return'])} still to be given back.")
    return words


def _of_others(cards: Sequence[Card], *, for_people: bool) -> list[str]:
    """Say what the queues of other apps have to say."""
    busy = [card for card in cards if card.count and card.queue.for_people == for_people]
    return [card.queue.says(card.count) for card in busy if card.queue.says is not None]


def _payments(count: int) -> str:
    return "1 payment is" if count == 1 else f"{count} payments are"


def _charges(count: int) -> str:
    return "1 charge is" if count == 1 else f"{count} charges are"
