"""The supervisor with small real programs in place of web server and cluster."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings

from paysite import supervisor
from paysite.guard import Guard
from paysite.supervisor import Program, Supervisor, adopt_orphans
from tests.paysite import dummies
from tests.support.processes import is_running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once]

RUN_UNTIL_KILLED = """
import pathlib, sys
from paysite.guard import Guard
from paysite.supervisor import Program, Supervisor
program = Program(name="dummy", command=sys.argv[2:], log=pathlib.Path(sys.argv[1]))
site = Supervisor([program], print, Guard())
site.start()
site.run(lambda: False)
"""


@pytest.fixture(scope="module", autouse=True)
def _as_the_run_command_does() -> None:
    adopt_orphans()


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


def pids(note: Path) -> tuple[int, int]:
    """Wait for the note of a dummy and return the process ids of it and its worker."""
    wait_until(lambda: note.exists() and len(note.read_text().split()) == 2, seconds=10, what="the dummy's note")
    program, worker = map(int, note.read_text().split())
    return program, worker


def turn(site: Supervisor, until: Callable[[], bool], *, seconds: float, what: str) -> None:
    def turned() -> bool:
        site.tick()
        return until()

    wait_until(turned, seconds=seconds, what=what)


def test_a_program_that_ends_is_started_again_after_one_second_then_two(tmp_path: Path, guard: Guard) -> None:
    lines: list[str] = []
    log = tmp_path / "dummy.log"
    site = Supervisor([Program(name="dummy", command=dummies.command(dummies.ENDS), log=log)], lines.append, guard)
    site.start()
    turn(site, lambda: len(lines) == 3, seconds=10, what="one restart and the second ending")
    site.stop()
    assert lines == [
        f"dummy ended with exit code 3 (see {log}); starting it again in 1 s.",
        "dummy started again.",
        f"dummy ended with exit code 3 (see {log}); starting it again in 2 s.",
    ]
    assert log.read_text() == "cannot go on\ncannot go on\n"


def test_pauses_between_restarts_grow_to_thirty_seconds_until_a_steady_run(tmp_path: Path, guard: Guard) -> None:
    program = Program(name="dummy", command=dummies.command(dummies.ENDS), log=tmp_path / "dummy.log")
    [child] = Supervisor([program], print, guard).children
    child.started_at = time.monotonic()
    assert [child.plan_restart() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    child.started_at = time.monotonic() - supervisor.STEADY_SECONDS - 1
    assert child.plan_restart() == 1


def test_workers_of_a_program_that_was_killed_do_not_go_on_working(tmp_path: Path, guard: Guard) -> None:
    note = tmp_path / "pids"
    program = Program(name="dummy", command=dummies.command(dummies.WITH_WORKER, note), log=tmp_path / "log")
    site = Supervisor([program], lambda _: None, guard)
    site.start()
    first, worker = pids(note)
    os.kill(first, signal.SIGKILL)
    turn(site, lambda: not is_running(worker), seconds=10, what="the orphaned worker's end")
    site.stop()


def test_a_program_that_stopped_beating_is_replaced_together_with_its_workers(tmp_path: Path, guard: Guard) -> None:
    note, beating = tmp_path / "pids", [True]
    lines: list[str] = []
    site = Supervisor(
        [
            Program(
                name="cluster",
                command=dummies.command(dummies.WITH_WORKER, note),
                log=tmp_path / "log",
                is_beating=lambda: beating[0],
                grace=0.0,
            )
        ],
        lines.append,
        guard,
    )
    site.start()
    old = pids(note)
    site.tick()
    assert [is_running(pid) for pid in old] == [True, True]
    note.unlink()
    beating[0] = False
    site.tick()
    beating[0] = True
    new = pids(note)
    assert [is_running(pid) for pid in old] == [False, False]
    assert [is_running(pid) for pid in new] == [True, True]
    assert lines == [
        "cluster runs but does no work any more; replacing it and all its workers.",
        "cluster replaced.",
    ]
    site.stop()
    assert [is_running(pid) for pid in new] == [False, False]


def test_a_program_without_a_beat_has_its_grace_after_the_start(tmp_path: Path, guard: Guard) -> None:
    note = tmp_path / "pids"
    lines: list[str] = []
    program = Program(
        name="cluster",
        command=dummies.command(dummies.WITH_WORKER, note),
        log=tmp_path / "log",
        is_beating=lambda: False,
        grace=60.0,
    )
    site = Supervisor([program], lines.append, guard)
    site.start()
    pids(note)
    site.tick()
    site.stop()
    assert lines == []


def test_stopping_lets_a_program_finish_what_it_does(tmp_path: Path, guard: Guard) -> None:
    note = tmp_path / "state"
    program = Program(name="web", command=dummies.command(dummies.FINISHES, note), log=tmp_path / "log", patience=10.0)
    site = Supervisor([program], print, guard)
    site.start()
    wait_until(lambda: note.exists() and note.read_text() == "working", seconds=10, what="work begun")
    site.stop()
    assert note.read_text() == "finished"


def test_a_deaf_program_and_its_deaf_worker_are_killed(
    tmp_path: Path, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "GROUP_SECONDS", 0.3)
    note = tmp_path / "pids"
    program = Program(name="dummy", command=dummies.command(dummies.DEAF, note), log=tmp_path / "log", patience=0.2)
    site = Supervisor([program], print, guard)
    site.start()
    both = pids(note)
    site.stop()
    assert [is_running(pid) for pid in both] == [False, False]


def test_a_second_request_to_stop_does_not_wait(tmp_path: Path, guard: Guard) -> None:
    note = tmp_path / "pids"
    program = Program(name="dummy", command=dummies.command(dummies.DEAF, note), log=tmp_path / "log", patience=60.0)
    site = Supervisor([program], print, guard)
    site.start()
    both = pids(note)
    began = time.monotonic()
    site.stop(hurry=lambda: True)
    assert time.monotonic() - began < 2.0
    assert [is_running(pid) for pid in both] == [False, False]


def test_programs_end_in_the_opposite_order_of_their_start(tmp_path: Path, guard: Guard) -> None:
    order = tmp_path / "order"
    names = ["gateway", "cluster", "web"]
    programs = [
        Program(
            name=name,
            command=dummies.command(dummies.SIGNS_OFF, order, tmp_path / name),
            log=tmp_path / "log",
            patience=10.0,
        )
        for name in names
    ]
    site = Supervisor(programs, print, guard)
    site.start()
    wait_until(lambda: all((tmp_path / name).exists() for name in names), seconds=10, what="three programs started")
    site.stop()
    assert order.read_text().split() == ["web", "cluster", "gateway"]


def test_killing_the_supervisor_ends_everything_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pids"
    dummy = dummies.command(dummies.WITH_WORKER, note)
    owner = subprocess.Popen(
        [sys.executable, "-c", RUN_UNTIL_KILLED, str(tmp_path / "log"), *dummy], cwd=settings.BASE_DIR
    )
    both = pids(note)
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    wait_until(lambda: not any(map(is_running, both)), seconds=10, what="the end of what was left behind")


def test_a_log_that_has_grown_large_is_set_aside_at_the_next_start(
    tmp_path: Path, guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "LOG_LIMIT", 10)
    log = tmp_path / "dummy.log"
    log.write_text("what happened before\n")
    site = Supervisor([Program(name="dummy", command=dummies.command(dummies.ENDS), log=log)], print, guard)
    site.start()
    wait_until(lambda: site.ended() is not None, seconds=10, what="the dummy's end")
    site.stop()
    assert log.with_name("dummy.log.1").read_text() == "what happened before\n"
    assert log.read_text() == "cannot go on\n"
