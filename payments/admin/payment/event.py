"""One thing that happened to a payment, as the timeline shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from payments.admin.formats import utc


@dataclass(frozen=True, slots=True)
class Fact:
    """One line under an event: a name and what is known."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. colour: a word of payments/admin/labels.py. who: empty where the row does not tell.

    rank: among things of the same moment.
    """

    at: datetime
    rank: int
    icon: str
    title: str
    colour: str = "default"
    who: str = ""
    cause: str = ""
    action: str = ""
    facts: list[Fact] = field(default_factory=list)

    @property
    def time(self) -> str:
        return utc(self.at)


def facts_of(pairs: Iterable[tuple[str, str]]) -> list[Fact]:
    """Return the pairs of name and text that have a text."""
    return [Fact(name, text) for name, text in pairs if text]
