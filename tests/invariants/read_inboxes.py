"""Reads what arrived at shops' endpoints."""

import json
from collections.abc import Iterable
from pathlib import Path

from tests.invariants.rows import Received


def read_inboxes(paths: Iterable[Path]) -> list[Received]:
    """Return every request of every log; a last line that a kill cut off was never answered, and is left out."""
    found = []
    for path in paths:
        lines = path.read_text().split("\n")
        found += [Received(**json.loads(line)) for line in lines[:-1]]
    return found
