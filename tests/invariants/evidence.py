"""What the checker is given, and what it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Evidence:
    """Where to look.

    database_url: `postgresql://…`, or `sqlite://` and an absolute path. gateways: name of each gateway → its ledger,
    the file given to the sandbox as `--database`. histories: files of JSON lines (read_histories.py says which).
    inboxes: the logs of shops' endpoints, JSON lines with id, timestamp, signature and body of each request.
    """

    database_url: str
    gateways: Mapping[str, Path]
    histories: Sequence[Path] = ()
    inboxes: Sequence[Path] = ()


@dataclass(frozen=True, order=True)
class Violation:
    """Something that must never be. subject: the public id, order, key or table that it is about."""

    invariant: int
    subject: str
    text: str

    def __str__(self) -> str:
        return f"invariant {self.invariant}: {self.subject}: {self.text}"
