"""The first sentence of the front page: does anything need a person now?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from payments.admin.overview.ladder import LevelNow
from payments.admin.overview.loops import LoopRow
from payments.admin.overview.queues import Card

# Queues whose rows only a person can finish; the machine itself works on the others.
_FOR_PEOPLE = ("review", "open")


@dataclass(frozen=True, slots=True)
class Headline:
    """colour: success, warning or danger."""

    colour: str
    icon: str
    words: str


def headline(cards: Sequence[Card], loops: Sequence[LoopRow], level: LevelNow) -> Headline:
    """Say the worst thing first."""
    counts = {card.queue.slug: card.count for card in cards}
    if not any(loop.works for loop in loops):
        return Headline(
            "danger",
            "error",
            "No settle loop works: payments are accepted and kept, but not settled. Start the workers again "
            "(docs/console.md), or look into their log.",
        )
    if level.colour == "danger":
        return Headline("danger", "error", "No gateway can charge: see Gateways and circuit breakers below.")
    if counts["stuck"]:
        return Headline("danger", "error", f"{_payments(counts['stuck'])} due for over 2 minutes and not taken up.")
    waiting = sum(counts[slug] for slug in _FOR_PEOPLE)
    if waiting:
        words = "1 item waits" if waiting == 1 else f"{waiting} items wait"
        return Headline("warning", "person_alert", f"{words} for a person: see Review and Operator tasks.")
    if level.colour == "warning":
        words = "Nothing waits for a person, but a breaker is open"
        return Headline("warning", level.icon, f"{words}, and level {level.level} in use: see Gateways.")
    return Headline("success", "check_circle", _by_itself(counts))


def _by_itself(counts: Mapping[str, int]) -> str:
    """Say what the machine works on, where nothing waits for a person."""
    words = ["Nothing waits for a person."]
    if counts["unknown"]:
        words.append(f"{_payments(counts['unknown'])} being checked with the gateway.")
    if counts["queued"]:
        words.append(f"{_payments(counts['queued'])} to be charged later.")
    if counts["to_return"]:
        words.append(f"{_charges(counts['to_return'])} still to be given back.")
    return " ".join(words) if len(words) > 1 else "Nothing waits for a person, and payments are being settled."


def _payments(count: int) -> str:
    return "1 payment is" if count == 1 else f"{count} payments are"


def _charges(count: int) -> str:
    return "1 charge is" if count == 1 else f"{count} charges are"
