"""Keeps a set of programs running: starts them, starts again what ended, replaces what hangs, ends them all.

It knows nothing of payments: what to run is a list of `Program`s (paysite/running/programs.py). Every program leads a
process group of its own, so that its workers end with it (django-q2 leaves orphans that go on working when only its
master is killed), and a guard (paysite/guard.py) ends the groups should the supervisor itself be killed.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from paysite.guard import Guard, group_exists, signal_group

TICK_SECONDS = 0.1
GROUP_SECONDS = 5.0  # for the rest of a group to end after SIGTERM, before SIGKILL
DEATH_SECONDS = 2.0  # for the kernel to clear away what was killed
LONGEST_PAUSE = 30.0  # between two starts of a program that keeps ending
STEADY_SECONDS = 60.0  # a program that ran this long starts its pauses from 1 s again
LOG_LIMIT = 10_000_000  # bytes; a longer log is set aside as .1 when its program starts

PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program to keep running.

    `patience`: seconds its main process may take to finish what it does, before the whole group is told to end.
    `is_beating`: tells whether it still works; asked once `grace` seconds have passed since its start.
    It must answer at once: the supervisor has only one thread.
    """

    name: str
    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    patience: float = 2.0
    is_beating: Callable[[], bool] | None = None
    grace: float = 30.0


class Child:
    """One program's process group, and when to start it again."""

    def __init__(self, program: Program, guard: Guard) -> None:
        self.program = program
        self.endings = 0
        self.started_at = 0.0
        self.start_at = 0.0
        self._guard = guard
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the main process, which is the id of the group too; None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        log = self.program.log
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists() and log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_name(f"{log.name}.1"))
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.program.environment},
                start_new_session=True,
            )
        self._guard.watch(self._process.pid)
        self.started_at = time.monotonic()

    def exit_code(self) -> int | None:
        """Return the main process's exit code once it has ended (negative: the signal that ended it)."""
        return self._process.poll() if self._process else None

    def is_stuck(self) -> bool:
        running = time.monotonic() - self.started_at
        beating = self.program.is_beating
        return self._process is not None and beating is not None and running > self.program.grace and not beating()

    def plan_restart(self) -> float:
        """Note that the program ended by itself; return the seconds to wait before its next start: 1, 2, 4 … 30."""
        self.stop()  # its workers must not outlive it
        if time.monotonic() - self.started_at > STEADY_SECONDS:
            self.endings = 0
        pause = min(2.0**self.endings, LONGEST_PAUSE)
        self.endings += 1
        self.start_at = time.monotonic() + pause
        return pause

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """End the main process, then the rest of its group: politely at first, by SIGKILL once `hurry()` is true."""
        if self._process is None:
            return
        group = self._process.pid
        with suppress(ProcessLookupError):
            self._process.terminate()
        # Nobody is busy for longer than it runs, and granian may miss the signal while it starts.
        patience = min(self.program.patience, time.monotonic() - self.started_at)
        self._wait(patience, until=lambda: self.exit_code() is not None or hurry())
        signal_group(group, signal.SIGTERM)
        self._wait(GROUP_SECONDS, until=lambda: not self._group_lives() or hurry())
        signal_group(group, signal.SIGKILL)
        self._process.wait()
        self._wait(DEATH_SECONDS, until=lambda: not self._group_lives())
        self._guard.forget(group)
        self._process = None

    def _group_lives(self) -> bool:
        if self._process is None or self._process.poll() is None:
            return self._process is not None
        # Orphans of the group have become our children (`adopt_orphans`): without a wait they would remain as zombies.
        with suppress(ChildProcessError):
            while os.waitpid(-self._process.pid, os.WNOHANG) != (0, 0):
                pass
        return group_exists(self._process.pid)

    @staticmethod
    def _wait(seconds: float, *, until: Callable[[], bool]) -> None:
        deadline = time.monotonic() + seconds
        while not until() and time.monotonic() < deadline:
            time.sleep(0.02)


class Supervisor:
    """Runs programs until told to stop. Starts them in the order given and ends them in the opposite order."""

    def __init__(self, programs: Sequence[Program], report: Callable[[str], None], guard: Guard) -> None:
        self.children = [Child(program, guard) for program in programs]
        self._report = report

    def start(self) -> None:
        for child in self.children:
            child.start()

    def ended(self) -> Child | None:
        """Return a program that has ended although nobody asked it to."""
        return next((child for child in self.children if child.exit_code() is not None), None)

    def run(self, stopping: Callable[[], bool]) -> None:
        """Keep everything running until `stopping()`."""
        while not stopping():
            self.tick()
            time.sleep(TICK_SECONDS)

    def tick(self) -> None:
        for child in self.children:
            code = child.exit_code()
            if child.pid is None:
                if time.monotonic() >= child.start_at:
                    child.start()
                    self._report(f"{child.program.name} started again.")
            elif code is not None:
                pause = child.plan_restart()
                self._report(
                    f"{child.program.name} ended with exit code {code} (see {child.program.log}); "
                    f"starting it again in {pause:.0f} s."
                )
            elif child.is_stuck():
                self._report(f"{child.program.name} runs but does no work any more; replacing it and all its workers.")
                child.stop()
                child.start()
                self._report(f"{child.program.name} replaced.")

    def stop(self, hurry: Callable[[], bool] = lambda: False) -> None:
        """End all programs; once `hurry()` is true, those that remain are killed."""
        for child in reversed(self.children):
            child.stop(hurry)


def adopt_orphans() -> None:
    """Become the parent of orphaned grandchildren (Linux), so that a group counts as ended when it has ended.

    Otherwise they go to process 1, which in many containers never waits for them: dead workers would look alive.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
