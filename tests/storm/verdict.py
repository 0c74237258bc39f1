"""Has the invariant checker judge what a storm left behind."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.invariants.checker import check
from tests.invariants.evidence import Evidence


def violations_of(database_url: str, ledgers: Mapping[str, Path], histories: Sequence[Path]) -> list[str]:
    """Return the checker's sentences, none where every invariant holds at quiescence."""
    return [str(violation) for violation in check(Evidence(database_url, ledgers, histories), quiet=True)]
