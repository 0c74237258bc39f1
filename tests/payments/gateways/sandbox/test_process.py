"""The process: its ledger survives SIGKILL, SIGTERM ends it cleanly, and a port in use is a clear message."""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from payments.gateways.base import Kind
from payments.gateways.sandbox.cli import add_arguments
from tests.payments.gateways.builders import charge_request, gateway, look_up_of
from tests.sandbox import ROOT, SandboxProcess, sandbox_process


def test_every_charge_that_was_answered_survives_sigkill_under_load(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        answered: list[tuple[str, str]] = []

        def work() -> None:
            adapter = gateway(sandbox.url)
            while (outcome := adapter.charge(request := charge_request())).kind is Kind.SUCCEEDED:
                answered.append((request.payment_id, outcome.reference))

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        sandbox.kill()
        for thread in threads:
            thread.join()
        sandbox.start()
        ledger = {charge["reference"]: charge["id"] for charge in sandbox.ledger()}
        assert len(answered) > 50
        assert [pair for pair in answered if ledger.get(pair[0]) != pair[1]] == []


def test_a_restart_keeps_charges_replies_and_minted_tokens(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        token = mint(sandbox)
        request, adapter = charge_request(token=token), gateway(sandbox.url)
        first = adapter.charge(request)
        sandbox.restart()
        assert adapter.charge(request).reference == first.reference
        assert adapter.look_up(look_up_of(request)).reference == first.reference
        assert adapter.charge(charge_request(token=token)).kind is Kind.SUCCEEDED
        assert len(sandbox.requests(reference=request.payment_id)) == 2


def mint(sandbox: SandboxProcess) -> str:
    card = {"number": "4242 4242 4242 4242", "expiry": "12/40", "cvc": "123"}
    reply = sandbox.call("POST", "/v1/tokens", json=card, headers={"Origin": sandbox.url})
    return str(reply.json()["token"])


def test_sigterm_finishes_what_is_in_flight_and_exits_with_0(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3", slow=0.4) as sandbox:
        outcomes: list[Any] = []
        request = charge_request(token="tok_slow")
        adapter = gateway(sandbox.url, read_timeout=5)
        slow = threading.Thread(target=lambda: outcomes.append(adapter.charge(request)))
        slow.start()
        time.sleep(0.2)
        assert sandbox.terminate() == 0
        slow.join()
        assert outcomes[0].kind is Kind.SUCCEEDED
        sandbox.start()
        assert adapter.look_up(look_up_of(request)).reference == outcomes[0].reference


def test_sigterm_does_not_wait_for_hung_requests_or_idle_connections(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        adapter = gateway(sandbox.url, read_timeout=10)
        adapter.charge(charge_request())
        sandbox.arm("execute_then_hang")
        hung = threading.Thread(target=adapter.charge, args=(charge_request(deadline=20),))
        hung.start()
        time.sleep(0.2)
        started = time.monotonic()
        assert sandbox.terminate() == 0
        assert time.monotonic() - started < 3
        hung.join()


@pytest.mark.parametrize("command", [["-m", "payments.gateways.sandbox"], ["manage.py", "sandbox_gateway"]])
def test_a_port_in_use_is_a_clear_message_and_exit_status_1(command: list[str], tmp_path: Path) -> None:
    """Also without a database of Paysite to be reached: the gateway is another party, and opens none."""
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        done = subprocess.run(
            [sys.executable, *command, "--port", str(sandbox.port), "--database", str(tmp_path / "other.sqlite3")],
            cwd=ROOT,
            env={**os.environ, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert done.returncode == 1
    assert f"Port {sandbox.port} on 127.0.0.1 is in use" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("origin", ["127.0.0.1:8000", "http://", "ftp://x", "http://a@b", "http://x/path"])
def test_an_origin_that_is_none_is_refused_at_the_start(origin: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    with pytest.raises(SystemExit) as stopped:
        parser.parse_args(["--port", "0", "--database", "x.sqlite3", "--shop-origin", origin])
    assert stopped.value.code == 2
    assert "is not an origin" in capsys.readouterr().err


def test_it_listens_on_the_loopback_address_alone(tmp_path: Path) -> None:
    with sandbox_process(tmp_path / "ledger.sqlite3") as sandbox:
        listening = [
            line.split()[1]
            for line in Path(f"/proc/{sandbox.pid}/net/tcp").read_text().splitlines()
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{sandbox.port:04X}")
        ]
    assert listening == [f"0100007F:{sandbox.port:04X}"]
