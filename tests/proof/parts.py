"""The parts of the proof, each a program of its own that prints one JSON document."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
# Seconds after which a part counts as hanging.
PATIENCE: Final = 900


@dataclass(frozen=True, slots=True)
class Part:
    """One program. database_url: an empty database, or an empty text for an embedded one of its own."""

    name: str
    arguments: Sequence[str]
    database_url: str

    def command(self) -> list[str]:
        return [sys.executable, "-m", *self.arguments]

    def again(self) -> str:
        """Return the command line that repeats this part."""
        where = "DATABASE_URL=postgresql://… " if self.database_url else ""
        return f"{where}.venv/bin/python -m {' '.join(self.arguments)}"


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a part. result: the document that it printed; empty where it printed none."""

    part: Part
    code: int
    seconds: float
    result: dict[str, Any]
    complaint: str = ""

    @property
    def violations(self) -> list[str]:
        found = [str(one) for one in self.result.get("violations", [])]
        found += [f"never hit: {point}" for point in self.result.get("never_hit", [])]
        found += [f"lost: {key}" for key in self.result.get("unanswered", [])]
        found += [f"unfinished: {one}" for one in self.result.get("unfinished", [])]
        if self.code and not found:
            found.append(f"ended with code {self.code}: {self.complaint}")
        return found


@dataclass
class Running:
    """Parts that run side by side, each with a log of its own in `folder`."""

    folder: Path
    children: list[tuple[Part, "subprocess.Popen[str]", float]] = field(default_factory=list)

    def start(self, part: Part) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PAYSITE_", "DJANGO_"))}
        with self._log(part).open("w") as log:
            process = subprocess.Popen(
                part.command(),
                cwd=ROOT,
                env={**kept, "DATABASE_URL": part.database_url},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.children.append((part, process, time.monotonic()))

    def finish(self) -> list[Ran]:
        """Wait for all; return what came of each."""
        return [self._finish(part, process, began) for part, process, began in self.children]

    def _finish(self, part: Part, process: "subprocess.Popen[str]", began: float) -> Ran:
        try:
            output, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        seconds = round(time.monotonic() - began, 1)
        complaint = self._log(part).read_text(errors="replace")[-2000:]
        return Ran(part, process.returncode, seconds, _document(output), complaint)

    def _log(self, part: Part) -> Path:
        return self.folder / f"{part.name.replace(' ', '-')}.log"


def together(folder: Path, parts: Sequence[Part]) -> list[Ran]:
    """Run `parts` at the same time."""
    running = Running(folder)
    for part in parts:
        running.start(part)
    return running.finish()


def _document(output: str) -> dict[str, Any]:
    start = output.find("{")
    try:
        found = json.loads(output[start:]) if start >= 0 else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
