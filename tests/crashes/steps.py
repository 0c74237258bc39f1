"""What journeys are made of: a list of steps, each run in a process of its own that may be killed anywhere in it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests.crashes.world import World

Work = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One piece of work; `before` is done by the harness, which is not killed."""

    work: Work
    before: Work = lambda: None


Journey = Callable[[World], Iterator[Step]]
