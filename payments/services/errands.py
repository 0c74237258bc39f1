"""Other work of the settle loops than charging, that apps above this one bring along: refunds, disputes.

An app registers its errands and its part of the sweep when it starts (`apps.py: ready`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

Write = Callable[[], None]
# Runs in a thread: calls the gateway, never touches the database, and returns what to write.
Ask = Callable[[], Write]
# Makes due what is unfinished and due at no time, of one client where given; returns how many rows it put right.
Sweep = Callable[[int | None], int]


@dataclass(frozen=True, slots=True)
class Together:
    """A `Write` that can be done with others of its kind: `write_all` takes the news of all of them at once."""

    news: Any
    write_all: Callable[[list[Any]], None]

    def __call__(self) -> None:
        self.write_all([self.news])


class Errand(Protocol):
    """A module whose rows say when they are due."""

    @property
    def anything_due(self) -> Callable[[], bool]:
        """Says cheaply, without any lock, whether a claim would find something."""
        ...

    @property
    def claim(self) -> Callable[..., list[Ask]]:
        """Called with who claims, and how many calls can begin at once; returns the calls to make."""
        ...


_errands: Final[dict[str, Any]] = {}
_sweeps: Final[dict[str, Sweep]] = {}
_beginnings: Final[list[Callable[[], None]]] = []


def register(kind: str, errand: Any) -> None:
    """Let the settle loops run `errand`, an `Errand` whose `claim` takes (because, room), once a second."""
    _errands[kind] = errand


def register_sweep(name: str, sweep: Sweep) -> None:
    """Let every recovery run make `sweep`, and report its count as `name`."""
    _sweeps[name] = sweep


def register_beginning(begin: Callable[[], None]) -> None:
    """Have `begin` called whenever a settle loop starts: it makes rows that must be there, and may find them there."""
    _beginnings.append(begin)


def begin() -> None:
    """Do what is to be done when a settle loop starts."""
    for each in _beginnings:
        each()


def registered() -> Mapping[str, Errand]:
    return _errands


def sweeps() -> Mapping[str, Sweep]:
    return _sweeps
