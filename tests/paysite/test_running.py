"""The parts of `run`: its lock, its ports, and the wait until servers answer."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from paysite.demo.seed import COLLEAGUES, OPERATOR
from paysite.running import announcement, lock, ready
from paysite.running.lock import AlreadyRunningError, RunLock
from paysite.running.ports import PortTakenError, demand_free
from paysite.running.ready import Probe, first_silent, tail
from tests.support.processes import free_port


def test_a_second_run_on_the_same_folder_is_refused_with_the_process_id_of_the_first(tmp_path: Path) -> None:
    first = RunLock(tmp_path / "run.lock")
    with pytest.raises(AlreadyRunningError, match=rf"already running on {tmp_path} \(process {os.getpid()}\)"):
        RunLock(tmp_path / "run.lock")
    first.release()
    RunLock(tmp_path / "run.lock").release()


def test_a_run_waits_for_the_remains_of_one_that_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "PATIENCE_SECONDS", 5.0)
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    held = RunLock(tmp_path / "run.lock")
    os.pwrite(held.fd, f"{killed.pid}  ".encode(), 0)
    remains = subprocess.Popen(["sleep", "0.5"], pass_fds=[held.fd])  # holds the lock as a guard does
    os.close(held.fd)
    RunLock(tmp_path / "run.lock").release()
    assert remains.poll() == 0


def test_a_port_in_use_is_refused_by_number_with_the_option_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PortTakenError, match=re.escape(f"Port {port} for the web server cannot be used")
        ) as refusal:
            demand_free("127.0.0.1", port, what="web server", option="--port")
    assert str(refusal.value).endswith("or choose another port with --port.")


def test_a_port_shared_by_reuse_is_in_use_all_the_same() -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken, pytest.raises(PortTakenError):
        demand_free("127.0.0.1", taken.getsockname()[1], what="web server", option="--port")


def test_a_free_port_is_accepted_and_left_free() -> None:
    port = free_port()
    demand_free("127.0.0.1", port, what="web server", option="--port")
    socket.create_server(("127.0.0.1", port)).close()


def test_a_server_that_never_answers_is_named() -> None:
    silent = Probe("web", "127.0.0.1", free_port(), "/")
    assert first_silent([silent], seconds=0.3, give_up=lambda: False) is silent
    assert first_silent([silent], seconds=60, give_up=lambda: True) is silent


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    assert tail(log) == "    (no log)"
    log.write_text("\n".join(f"line {number}" for number in range(100)))
    assert tail(log).splitlines()[0] == f"    line {100 - ready.TAIL_LINES}"
    assert tail(log).splitlines()[-1] == "    line 99"


def test_the_announcement_names_everybody_who_can_log_in() -> None:
    plain = ("web", "shop", "shopEvents", "messages", "console", "docs", "primaryGateway", "secondaryGateway")
    login = {"username": OPERATOR, "password": "the-password"}
    said = announcement.text({"urls": dict.fromkeys(plain, "http://a"), "login": login, "apiKey": "psk"})
    console = said.partition("Console")[2].partition("API docs")[0]
    assert "user operator, password the-password" in console
    assert [name for name in COLLEAGUES if name not in console] == []
