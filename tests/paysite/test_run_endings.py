"""How a run of the site ends: by a signal, by being killed, or before it has begun."""

import http.client
import json
import signal
import socket
import threading
import time
import uuid
from pathlib import Path

import pytest

from tests.support.databases import fresh_database
from tests.support.processes import descendants, is_running, wait_until
from tests.support.site import RunningSite

pytestmark = [pytest.mark.slow, pytest.mark.once]


def test_a_run_that_was_killed_leaves_nothing_behind_and_the_next_has_its_data(tmp_path: Path) -> None:
    with fresh_database(tmp_path) as place:
        with RunningSite(place) as killed:
            before = killed.await_ready()
            payment = killed.pay()
            family = descendants(killed.process.pid)
            killed.process.kill()
            killed.process.wait()
            wait_until(lambda: not (tmp_path / "demo.json").exists(), seconds=2, what="demo.json gone, being untrue")
        with RunningSite(place) as after_kill:  # at once: it waits for the remains to end
            after = after_kill.await_ready()
            assert [pid for pid in family if is_running(pid)] == []
            assert (after["login"], after["apiKey"]) == (before["login"], before["apiKey"])
            status, body = after_kill.get(f"/api/payments/{payment['paymentID']}", after["apiKey"])
            assert (status, json.loads(body)["status"]) == (200, "success")
            assert after_kill.said().count(", success, charge ch_") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_everything_within_seconds_and_with_exit_code_zero(
    tmp_path: Path, number: signal.Signals
) -> None:
    with fresh_database(tmp_path) as place, RunningSite(place, "--no-demo-payment") as site:
        document = site.await_ready()
        family = descendants(site.process.pid)
        assert len(family) > 8
        began = time.monotonic()
        site.process.send_signal(number)
        assert site.process.wait(timeout=30) == 0
        assert time.monotonic() - began < 10.0
        assert [pid for pid in family if is_running(pid)] == []
        assert not (site.var / "demo.json").exists()
        assert site.said().endswith("Stopping …\nStopped.\n")
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", int(document["urls"]["web"].rpartition(":")[2])), timeout=5)


def test_a_program_that_cannot_start_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    (tmp_path / "sandbox-primary.sqlite3").mkdir()  # where the gateway wants a file
    with fresh_database(tmp_path) as place, RunningSite(place) as site:
        assert site.process.wait(timeout=60) == 1
        log = tmp_path / "log" / "gateway-primary.log"
        assert f"gateway-primary ended at its start. The last lines of {log}:\n    " in site.said()
        assert "unable to open database file" in site.said()
        assert not (tmp_path / "demo.json").exists()


def test_stopping_under_load_answers_every_request_that_was_accepted(tmp_path: Path) -> None:
    answered: list[str] = []
    unanswered: list[str] = []

    def ask_until_refused(site: RunningSite) -> None:
        while True:
            key = f"load-{uuid.uuid4()}"
            try:
                site.pay(key, wait=0)
            except ConnectionRefusedError:
                return
            except (OSError, http.client.HTTPException):
                unanswered.append(key)
            else:
                answered.append(key)

    with fresh_database(tmp_path) as place:
        with RunningSite(place, "--no-demo-payment") as site:
            site.await_ready()
            clients = [threading.Thread(target=ask_until_refused, args=[site]) for _ in range(8)]
            for client in clients:
                client.start()
            time.sleep(2)
            site.process.send_signal(signal.SIGTERM)
            for client in clients:
                client.join()
            assert site.process.wait(timeout=30) == 0
        with RunningSite(place, "--no-demo-payment") as again:
            api_key = again.await_ready()["apiKey"]
            assert len(answered) > 50
            assert {again.get(f"/api/payments/key/{key}", api_key)[0] for key in answered[-50:]} == {200}
            assert [key for key in unanswered if again.get(f"/api/payments/key/{key}", api_key)[0] != 404] == []
