"""The course of an outage under load: which phase the site is in, and what is done to its gateways at which time.

The primary gateway first hangs (its process is paused: connections are taken, no byte comes), recovers, is killed (its
port refuses), then the secondary is killed too, and both come back.
"""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from paysite.supervisor import Child
from tests.outage.database import Database
from tests.storm.stack import Stack

# Parts of the whole time at which a phase begins.
_BEGINS: Final = {"normal": 0.0, "hangs": 0.2, "recovers": 0.42, "killed": 0.52, "both_down": 0.7, "back": 0.85}
# The second half of an outage, once the breaker has opened.
_OPENED: Final = {"hangs": "hangs_open", "killed": "killed_open"}
# Phases that begin with one.
BLOWS: Final = ("hangs", "killed", "both_down")
_LOOK_EVERY: Final = 0.02
PHASES: Final = ("normal", "hangs", "hangs_open", "recovers", "killed", "killed_open", "both_down", "back")


@dataclass
class Timeline:
    """marks: seconds since 1970 at which each phase began, in order. sigkills, pauses: of gateways."""

    stack: Stack
    database: Database
    seconds: float
    marks: list[tuple[float, str]] = field(default_factory=list)
    sigkills: int = 0
    pauses: int = 0

    def run(self, while_waiting: Callable[[], None]) -> None:
        """Take all phases one after the other; `while_waiting` is called many times a second."""
        began, due = time.monotonic(), list(_BEGINS.items())
        acts = {
            "normal": lambda: None,
            "hangs": self._pause,
            "recovers": lambda: os.kill(_pid(self._primary), signal.SIGCONT),
            "killed": lambda: self._kill("primary"),
            "both_down": lambda: self._kill("secondary"),
            "back": self._bring_back,
        }
        while (now := time.monotonic() - began) < self.seconds:
            if due and due[0][1] * self.seconds <= now:
                phase = due.pop(0)[0]
                acts[phase]()
                self._mark(phase)
            self._mark_opening()
            while_waiting()
            time.sleep(_LOOK_EVERY)

    def phase_of(self, sent_at: float, known_at: float) -> str:
        """Return the phase of a payment that was asked for, and whose outcome was known, at these times.

        What a blow to a gateway finds under way is hit by it, although it was asked for before.
        """
        phase = self._phase_at(sent_at)
        hit = [began for began, name in self.marks if name in BLOWS and sent_at < began < known_at]
        return self._phase_at(hit[0]) if hit and phase not in {"hangs", "killed"} else phase

    def _phase_at(self, at: float) -> str:
        return next((phase for began, phase in reversed(self.marks) if began <= at), PHASES[0])

    @property
    def lasted(self) -> dict[str, float]:
        """Return the seconds of each phase but the last, which ends with the last payment."""
        following = [began for began, _ in self.marks[1:]]
        return {phase: round(end - began, 2) for (began, phase), end in zip(self.marks, following, strict=False)}

    def _mark(self, phase: str) -> None:
        self.marks.append((time.time(), phase))

    def _mark_opening(self) -> None:
        following = _OPENED.get(self.marks[-1][1]) if self.marks else None
        if following and self.database.breaker("primary") != "closed":
            self._mark(following)

    @property
    def _primary(self) -> Child:
        return self.stack.gateways["primary"]

    def _pause(self) -> None:
        os.kill(_pid(self._primary), signal.SIGSTOP)
        self.pauses += 1

    def _kill(self, name: str) -> None:
        os.kill(_pid(self.stack.gateways[name]), signal.SIGKILL)
        self.sigkills += 1

    def _bring_back(self) -> None:
        for name in self.stack.gateways:
            self.stack.restart_gateway(name)


def _pid(child: Child) -> int:
    assert child.pid is not None
    return child.pid
