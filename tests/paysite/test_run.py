"""`manage.py run` with all its real processes: what `make run` promises, and what it does when things go wrong."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from tests.support.databases import fresh_database
from tests.support.processes import descendants, is_running, wait_until
from tests.support.site import RunningSite

pytestmark = pytest.mark.slow

# A cluster without a beat is replaced soon, so that the tests need not wait for long.
IMPATIENT = {"PAYSITE_BEAT_LIMIT": "6", "PAYSITE_BEAT_GRACE": "8"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with fresh_database(tmp_path_factory.mktemp("site")) as place:
        yield {**place, **IMPATIENT}


@pytest.fixture(scope="module")
def site(environment: dict[str, str]) -> Iterator[RunningSite]:
    with RunningSite(environment) as running:
        running.await_ready()
        yield running


def pid_of(site: RunningSite, words: str) -> int:
    """Return the process directly below the supervisor whose command line contains `words`."""
    children = Path(f"/proc/{site.process.pid}/task/{site.process.pid}/children").read_text().split()
    return next(int(pid) for pid in children if words in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " "))


def test_everything_it_announces_answers(site: RunningSite) -> None:
    document = site.await_ready()
    web = f"http://127.0.0.1:{site.port}"
    assert set(document) == {"urls", "login", "apiKey"}
    assert set(document["urls"]) == {
        *("web", "shop", "shopEvents", "messages", "console", "docs", "primaryGateway", "secondaryGateway")
    }
    assert set(document["login"]) == {"username", "password"}
    assert document["urls"]["web"] == web
    paths = [document["urls"][name].removeprefix(web) for name in ("shop", "docs")]
    assert [site.get(path)[0] for path in paths] == [200, 200]
    assert site.get(document["urls"]["console"].removeprefix(web))[0] == 302  # to the log-in page
    for address in document["urls"].values():
        assert address in site.said()
    assert document["apiKey"] in site.said()


def test_the_printed_receipt_is_of_a_payment_that_succeeded(site: RunningSite) -> None:
    line = next(line for line in site.said().splitlines() if line.startswith("Payment "))
    payment_id = line.split()[1].rstrip(":")
    status, body = site.get(f"/api/payments/{payment_id}", site.await_ready()["apiKey"])
    payment = json.loads(body)
    charge = payment["attempts"][-1]["gatewayReference"]
    assert (status, payment["status"], payment["amountMinor"]) == (200, "success", 2500)
    assert line == f"Payment {payment_id}: 25.00 USD, success, charge {charge} at the gateway"


def test_a_second_run_on_the_same_folder_is_refused_and_disturbs_nothing(
    site: RunningSite, environment: dict[str, str]
) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run", "--port", "1"]
    done = subprocess.run(
        command, env={**os.environ, **environment}, check=False, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert f"already running on {site.var} (process {site.process.pid})" in done.stderr
    assert site.pay()["status"] == "success"


def test_a_port_in_use_is_a_clear_message_and_leaves_nothing_running(site: RunningSite, tmp_path: Path) -> None:
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "run", "--port", str(site.port)]
    elsewhere = {**os.environ, "PAYSITE_VAR": str(tmp_path), "DATABASE_URL": ""}
    done = subprocess.run(command, env=elsewhere, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr == (
        f"Port {site.port} for the web server cannot be used (Address already in use). Stop the program that uses it, "
        "or choose another port with --port (make run PORT=…).\n"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.lock"]


def test_a_web_server_that_was_killed_is_started_again(site: RunningSite) -> None:
    os.kill(pid_of(site, "granian"), signal.SIGKILL)
    wait_until(lambda: "web started again." in site.said(), seconds=10, what="the restart")

    def answers() -> bool:
        try:
            return site.get("/health/ready")[0] == 200
        except OSError:
            return False

    wait_until(answers, seconds=20, what="an answer")
    assert site.pay()["status"] == "success"


def test_a_cluster_that_hangs_is_replaced_and_payments_settle_again(site: RunningSite) -> None:
    cluster = pid_of(site, "qcluster")
    workers = descendants(cluster)
    for pid in {cluster, *workers}:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: "cluster replaced." in site.said(), seconds=40, what="the replacement")
    assert [pid for pid in workers if is_running(pid)] == []
    assert site.pay()["status"] == "success"
