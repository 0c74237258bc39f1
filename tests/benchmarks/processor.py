"""How many processors a set of processes kept busy, from /proc: all that is measured shares one machine."""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Meter:
    """Measures from its making on. `roots`: by name, the process whose tree is meant."""

    def __init__(self, roots: Mapping[str, int]) -> None:
        self._roots = dict(roots)
        self._began = time.monotonic()
        self._used = self._seconds()

    def cores(self) -> dict[str, float]:
        """Return the processors that each tree kept busy, on average since the making (1.0: one whole processor)."""
        elapsed = time.monotonic() - self._began
        return {name: (used - self._used[name]) / elapsed for name, used in self._seconds().items()}

    def _seconds(self) -> dict[str, float]:
        table = _table()
        return {name: _of_tree(root, table) for name, root in self._roots.items()}


def parent_of(pid: int) -> int:
    return _table()[pid][0]


def _table() -> dict[int, tuple[int, int]]:
    """Return parent and used ticks of every process; the ticks of children that have ended count for their parent."""
    found = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended a moment ago
            found[int(folder.name)] = (int(fields[1]), sum(int(ticks) for ticks in fields[11:15]))
    return found


def _of_tree(root: int, table: Mapping[int, tuple[int, int]]) -> float:
    children: dict[int, list[int]] = {}
    for pid, (parent, _) in table.items():
        children.setdefault(parent, []).append(pid)
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += table[pid][1] if pid in table else 0
        waiting.extend(children.get(pid, []))
    return total / _TICKS
