"""Deals the blows of a storm's plan to the running site, and keeps it standing in between."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from paysite.supervisor import Child
from tests.storm.observer import Observer
from tests.storm.plan import Blow, Outside
from tests.storm.stack import Stack
from tests.storm.weather import Weather

# As the supervisor has it by default (BEAT_LIMIT): a cluster without a beat for so many seconds is replaced.
_BEAT_LIMIT: Final = 20.0
# Seconds between two looks at what keeps the site standing, and at the gateways' counts.
_TEND_EVERY: Final = 1.0


class Blows:
    """dealt: blows that met somebody, by kind; missed: those that found nobody; replaced: clusters that hung.

    happened: what happened at the gateways without us, by kind.
    """

    def __init__(self, stack: Stack, weathers: Mapping[str, Weather], observer: Observer) -> None:
        self.dealt: Counter[str] = Counter()
        self.missed: Counter[str] = Counter()
        self.repaired: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self._put_off: list[Outside] = []
        self._stack = stack
        self._weathers = weathers
        self._observer = observer
        self._paused: dict[int, float] = {}
        self._tend_at = 0.0
        self._inbox_back_at = 0.0

    def deal(self, blow: Blow) -> None:
        """Deal one blow; count it only where it met somebody."""
        means: dict[str, Callable[[], bool]] = {
            "web_worker": lambda: _kill(_one_of(self._stack.web_workers(), blow)),
            "cluster_worker": lambda: _kill(_one_of(self._stack.cluster_workers(), blow)),
            "settle_loop": lambda: _kill(_one_of(self._settling(), blow)),
            "cluster_parent": self._kill_cluster_parent,
            "gateway": lambda: self._kill_gateway(blow),
            "database_connection": lambda: self._observer.end_a_connection(blow.choice),
            "pause_settle_loop": lambda: self._pause(self._settling(), blow),
            "pause_web_worker": lambda: self._pause(self._stack.web_workers(), blow),
            "outage": lambda: self._primary().outage(blow.lasts),
            "inbox": lambda: self._kill_inbox(blow),
            "inbox_refuses": lambda: self._stack.have_inbox_refuse(blow.lasts),
        }
        met = means[blow.kind]()
        (self.dealt if met else self.missed)[blow.kind] += 1

    def happen(self, outside: Outside) -> None:
        """Have something happen at the gateway that has nearly all charges; where it cannot yet, it is put off."""
        if self._primary().outside(outside.kind, outside.choice):
            self.happened[outside.kind] += 1
        else:
            self._put_off.append(outside)

    def happen_late(self) -> None:
        """Have happen what was put off, as far as it can by now."""
        waiting, self._put_off = self._put_off, []
        for outside in waiting:
            self.happen(outside)

    def tend(self) -> None:
        """Continue what was paused long enough; start again what ended or hangs."""
        now = time.monotonic()
        for pid, until in list(self._paused.items()):
            if now >= until:
                self._continue(pid)
        if now >= self._inbox_back_at:
            self._stack.restart_inbox_if_ended()
        if now < self._tend_at:
            return
        self._tend_at = now + _TEND_EVERY
        for weather in self._weathers.values():
            weather.look()
        if self._stack.restart_web_if_ended():
            self.repaired["web"] += 1
        if self._cluster_hangs():
            self._stack.replace_cluster()
            self.repaired["cluster"] += 1

    def heal(self) -> None:
        """Continue everything that is paused; have the gateways and the shop's inbox behave."""
        for pid in list(self._paused):
            self._continue(pid)
        self._inbox_back_at = 0.0
        self._stack.restart_inbox_if_ended()
        self._stack.have_inbox_refuse(0.0)
        for weather in self._weathers.values():
            weather.clear()

    def _cluster_hangs(self) -> bool:
        runs = self._stack.cluster_runs()
        if not runs:
            return True
        age = self._observer.beat_age()
        return runs > _BEAT_LIMIT and age is not None and age > _BEAT_LIMIT

    def _settling(self) -> list[int]:
        """Return those who settle at this moment, or anybody of the cluster where nobody does just now."""
        ours = self._stack.cluster_workers()
        # Only ours: the number of a process that died may be a stranger's by now.
        settling = [pid for pid in self._observer.settling() if pid in ours and pid not in self._paused]
        return settling or [pid for pid in ours if pid not in self._paused]

    def _kill_cluster_parent(self) -> bool:
        if not _kill_child(self._stack.cluster):
            return False
        self._stack.bereave_cluster()
        return True

    def _kill_gateway(self, blow: Blow) -> bool:
        name = _one_of_names(self._weathers, blow)
        weather = self._weathers[name]
        weather.look()
        met = _kill_child(self._stack.gateways[name])
        self._stack.restart_gateway(name)
        weather.arm()
        return met

    def _kill_inbox(self, blow: Blow) -> bool:
        self._inbox_back_at = time.monotonic() + blow.lasts
        return _kill_child(self._stack.inbox)

    def _pause(self, candidates: list[int], blow: Blow) -> bool:
        pid = _one_of(candidates, blow)
        if pid is None or not _signal(pid, signal.SIGSTOP):
            return False
        self._paused[pid] = time.monotonic() + blow.lasts
        return True

    def _continue(self, pid: int) -> None:
        del self._paused[pid]
        if pid in {*self._stack.cluster_workers(), *self._stack.web_workers()}:
            _signal(pid, signal.SIGCONT)

    def _primary(self) -> Weather:
        return self._weathers["primary"]


def _one_of(pids: list[int], blow: Blow) -> int | None:
    return pids[int(blow.choice * len(pids))] if pids else None


def _one_of_names(weathers: Mapping[str, Weather], blow: Blow) -> str:
    """Return a gateway's name; mostly the first one, to which all charges go while it is there."""
    names = list(weathers)
    return names[0] if blow.choice < 0.75 else names[-1]


def _kill(pid: int | None) -> bool:
    return pid is not None and _signal(pid, signal.SIGKILL)


def _kill_child(child: Child) -> bool:
    """Kill the first process of a group and nobody else of it; wait until the kernel has done so."""
    if child.pid is None or child.exit_code() is not None or not _kill(child.pid):
        return False
    while child.exit_code() is None:
        time.sleep(0.005)
    return True


def _signal(pid: int, number: signal.Signals) -> bool:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
        return True
    return False
