"""The crash suite: kills a process at every crash point, again and again, lets recovery run, and checks the invariants.

Every choice comes from one seed. A kill is chosen as journey, step, point and how often the point is passed before;
after half of the kills the process that takes over is killed as well, at a point of its own.
"""

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from django.db import connection

from payments.crash_points import POINTS
from payments.models import Payment
from refunds.models import Refund
from tests.crashes import children
from tests.crashes.journeys import JOURNEYS
from tests.crashes.steps import Work
from tests.crashes.world import UNFINISHED, World, next_due, send, settle, sweep
from tests.invariants.checker import check
from tests.invariants.evidence import Evidence

# Seconds of virtual time until everything must be quiet once nothing goes wrong any more.
QUIET_WITHIN: Final = 900
LEASE: Final = 23
DELIVERY_LEASE: Final = 61
# Until the gateway's lists, of charges and of refunds, are read once more.
LIST: Final = 61
_TRIES: Final = 4
_LONG: Final = "late"


@dataclass(frozen=True, slots=True)
class Target:
    """Where to kill: at `point` for the `nth` time in step `step` of `journey`."""

    journey: str
    step: int
    point: str
    nth: int

    def __str__(self) -> str:
        return f"{self.journey}, step {self.step}: {self.point} ({self.nth})"


@dataclass
class Result:
    """kills: by point. refunded: refunds that succeeded. missed: kills whose moment did not come.

    quiet: longest virtual time until all was quiet."""

    database: str
    seed: int
    kills: dict[str, int] = field(default_factory=lambda: dict.fromkeys(POINTS, 0))
    pairs: int = 0
    missed: int = 0
    payments: int = 0
    refunded: int = 0
    quiet_seconds: float = 0.0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    never_hit: list[str] = field(default_factory=list)


class Suite:
    """One run on the database that Django is set up with."""

    def __init__(self, world: World, evidence: Evidence, seed: int) -> None:
        self._world, self._evidence = world, evidence
        self._random = random.Random(seed)
        self._map: dict[str, list[Target]] = {}
        self._known: set[str] = set()
        self.result = Result(connection.vendor, seed)

    def run(self, kills: int, seconds_limit: float) -> Result:
        """Kill until there are `kills`, and at every point at least once; stop after `seconds_limit` all the same."""
        began = time.monotonic()
        self._explore()
        while self._wants_more(kills) and time.monotonic() - began < seconds_limit:
            self._round()
        self.result.never_hit = [point for point in POINTS if not self.result.kills[point]]
        self.result.payments = Payment.objects.count()
        self.result.refunded = Refund.objects.filter(state="succeeded").count()
        self.result.seconds = round(time.monotonic() - began, 1)
        return self.result

    def _wants_more(self, kills: int) -> bool:
        return sum(self.result.kills.values()) < kills or not all(self.result.kills.values())

    def _explore(self) -> None:
        """Walk every journey unharmed, and note which step passes which point how often."""
        for name in JOURNEYS:
            for number, step in enumerate(JOURNEYS[name](self._world)):
                step.before()
                for point, count in children.run(step.work).reached.items():
                    self._map.setdefault(point, []).append(Target(name, number, point, count))
        for point, targets in self._map.items():
            # The long journey is walked only for what no other one passes.
            self._map[point] = [one for one in targets if one.journey != _LONG] or targets
        self._come_to_rest("exploring")

    def _round(self) -> None:
        """Kill once at every point, then let everything come to rest and check it.

        A point at which a process that took over was killed in this round has had its kill.
        """
        done: list[str] = []
        before = dict(self.result.kills)
        for point in self._random.sample(list(POINTS), len(POINTS)):
            for _ in range(_TRIES):
                known = self._map.get(point)
                if not known or self.result.kills[point] > before[point]:
                    break
                chosen = self._random.choice(known)
                target = Target(chosen.journey, chosen.step, point, self._random.randint(1, chosen.nth))
                done.append(str(target))
                if self._journey(target):
                    break
                self.result.missed += 1
        self._come_to_rest("; ".join(done))

    def _journey(self, target: Target) -> bool:
        """Walk the journey of `target`; say whether the kill happened."""
        hit = False
        for number, step in enumerate(JOURNEYS[target.journey](self._world)):
            step.before()
            if hit or number < target.step:
                children.run(step.work)
                continue
            # What happened in one step may now happen in a later one: the gateway's list is read in its own time.
            nth = target.nth if number == target.step else 1
            if children.run(step.work, kill_at=target.point, nth=nth).killed:
                hit = True
                self.result.kills[target.point] += 1
                self._take_over(step.work)
        return hit

    def _take_over(self, work: Work) -> None:
        """Do the step again after its lease, perhaps with a second kill, until it is done."""
        if self._random.random() < 0.5:
            point = self._random.choice(list(self._map))
            self._world.let_pass(LEASE)
            if children.run(self._and_sweep(work), kill_at=point).killed:
                self.result.kills[point] += 1
                self.result.pairs += 1
        self._world.let_pass(LEASE)
        children.run(self._and_sweep(work))

    @staticmethod
    def _and_sweep(work: Work) -> Work:
        def both() -> None:
            sweep()
            work()
            settle()

        return both

    def _come_to_rest(self, what: str) -> None:
        """Heal the gateway, let virtual time pass until nothing is unfinished, and check."""
        self._world.gateway.clear_faults()
        before = self._world.virtual_seconds
        for wait in self._waits():
            self._world.let_pass(wait)
            children.run(settle)
        # The inbox takes everything: it is enough to wait for what a killed worker had, and for what waited for that.
        for _ in range(2):
            self._world.let_pass(DELIVERY_LEASE)
            children.run(send)
        passed = self._world.virtual_seconds - before
        self.result.quiet_seconds = max(self.result.quiet_seconds, round(passed, 1))
        problems = [f"not quiet after {passed:.0f} s"] if passed > QUIET_WITHIN else []
        problems += [f"{one.invariant}: {one.subject}: {one.text}" for one in check(self._evidence, quiet=True)]
        new = [problem for problem in problems if problem not in self._known]
        self._known.update(new)
        # What happened since the last rest is told with it: one of these kills is the cause.
        self.result.violations += [f"{problem} [{what}]" for problem in new[:1]] + new[1:]

    def _waits(self) -> Iterator[float]:
        """Yield how long to wait each time until nothing is unfinished; also for the gateway's lists to be read."""
        yield 1.0
        yield 16.0
        while (wait := next_due()) is not None and self._world.virtual_seconds < 10**9:
            if not Payment.objects.filter(status__in=UNFINISHED).exists() and wait > QUIET_WITHIN:
                break
            yield max(wait, 0) + 0.5
        yield LIST


def evidence_of(database_url: str, ledger: Path, history: Path, inbox: Path) -> Evidence:
    """Return where the checker finds everything."""
    return Evidence(database_url, gateways={"primary": ledger}, histories=[history], inboxes=[inbox])
