"""Runs pieces of work in processes of their own, each with its own connections, that may be killed at a crash point.

A child is forked from a parent that has everything imported and no connection or thread of its own, so that a real
process with a real end costs a few milliseconds. Which points were reached is counted in memory that both share, and
so survives the child.
"""

import mmap
import os
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from django.db import connections

from payments import crash_points
from payments.crash_points import POINTS

_NAMES: Final = tuple(POINTS)
_COUNTER: Final = struct.Struct("<I")
# Seconds after which a child counts as hanging: far longer than any call can take.
PATIENCE: Final = 60


class ChildFailedError(Exception):
    """A child ended with an exception, or hung; its traceback is on standard error."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended. reached: how often each point was reached before that."""

    killed: bool
    reached: dict[str, int]


def run(work: Callable[[], None], *, kill_at: str = "", nth: int = 1) -> Ended:
    """Run `work` in a child; where `kill_at` is given, kill it with SIGKILL when that point comes the `nth` time."""
    connections.close_all()
    counters = mmap.mmap(-1, _COUNTER.size * len(_NAMES))
    pid = os.fork()
    if pid == 0:
        _child(work, counters, kill_at, nth)
    _, status = os.waitpid(pid, 0)
    reached = {name: _COUNTER.unpack_from(counters, _COUNTER.size * at)[0] for at, name in enumerate(_NAMES)}
    counters.close()
    killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if not killed and status != 0:
        raise ChildFailedError(f"A child ended with status {status}.")
    return Ended(killed, {name: count for name, count in reached.items() if count})


def _child(work: Callable[[], None], counters: mmap.mmap, kill_at: str, nth: int) -> None:
    """Do the work and leave without cleaning up what belongs to the parent."""
    signal.alarm(PATIENCE)
    killer = crash_points.killer(kill_at, nth) if kill_at else None

    def reached(point: str) -> None:
        at = _COUNTER.size * _NAMES.index(point)
        _COUNTER.pack_into(counters, at, _COUNTER.unpack_from(counters, at)[0] + 1)
        if killer is not None:
            killer(point)

    status = 1
    try:
        crash_points.arm(reached)
        work()
        connections.close_all()
        status = 0
    except BaseException:  # the boundary of a process: whatever it is, the parent must know
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(status)
