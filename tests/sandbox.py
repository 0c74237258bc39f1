"""Starts real sandbox gateways for tests, each in a process and with a ledger of its own.

with sandbox_process(tmp_path / "primary.sqlite3") as sandbox:
    sandbox.arm("execute_then_close", count=1)
    … gateway at sandbox.url, secret sandbox.secret …
    assert sandbox.charges(reference=payment_id)[0]["status"] == "succeeded"
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import requests

ROOT: Final = Path(__file__).resolve().parents[1]
SECRET: Final = "sk_sandbox_test"
WEBHOOK_SECRET: Final = "whsec_dGVzdHMtb2YtdGhlLXNhbmRib3gtd2ViaG9va3M="
SHOP: Final = "http://127.0.0.1:8000"
_START_SECONDS: Final = 20.0


class SandboxProcess:
    """One gateway process. `url` stays the same over `restart`, and so does the ledger at `database`."""

    def __init__(self, database: Path, arguments: Sequence[str], secret: str = SECRET) -> None:
        self.database = database
        self.secret = secret
        self._arguments = list(arguments)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {secret}"
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def start(self) -> None:
        """Start the process and return when it listens."""
        command = [sys.executable, "-m", "payments.gateways.sandbox", "--port", str(self.port)]
        self.process = subprocess.Popen(
            [*command, "--database", str(self.database), *self._arguments],
            cwd=ROOT,
            env={**os.environ, "SANDBOX_SECRET": self.secret, "SANDBOX_WEBHOOK_SECRET": WEBHOOK_SECRET},
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
        )
        line = self._first_line()
        if "listens on" not in line:
            self.kill()
            raise RuntimeError(f"The sandbox gateway did not start; it said {line!r}.")
        self.port = int(line.rsplit(":", 1)[1])

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], _START_SECONDS)
        return self.process.stdout.readline() if ready else ""

    def terminate(self, *, wait: float = 15) -> int:
        """End it kindly (SIGTERM); return its exit status."""
        return self._end(signal.SIGTERM, wait)

    def kill(self) -> int:
        """End it with SIGKILL, in the middle of whatever it does."""
        return self._end(signal.SIGKILL, 15)

    def restart(self) -> None:
        """SIGKILL, then the same port and ledger again."""
        self.kill()
        self.start()

    def close(self) -> None:
        self._session.close()
        if self.process.poll() is None:
            self.kill()

    def _end(self, number: signal.Signals, wait: float) -> int:
        self.process.send_signal(number)
        status = self.process.wait(wait)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Call the API or the control API with the secret; redirects are not followed."""
        return self._session.request(method, self.url + path, timeout=20, allow_redirects=False, **options)

    def charge(self, key: str, **parameters: Any) -> requests.Response:
        """POST /v1/charges under `key`."""
        return self.call("POST", "/v1/charges", json=parameters, headers={"Idempotency-Key": key})

    def arm(self, kind: str, **fault: Any) -> str:
        """Arm a fault (see payments/gateways/sandbox/control.py) and return its id."""
        reply = self.call("POST", "/control/faults", json={"kind": kind, **fault})
        assert reply.status_code == 201, reply.text
        return str(reply.json()["id"])

    def faults(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.call("GET", "/control/faults").json()["faults"]
        return found

    def clear_faults(self) -> None:
        assert self.call("DELETE", "/control/faults").status_code == 200

    def set_latency(self, milliseconds: float) -> None:
        assert self.call("POST", "/control/latency", json={"ms": milliseconds}).status_code == 200

    def set_challenge_life(self, seconds: float) -> None:
        """Let charges wait for their customer this long, also those that wait now."""
        assert self.call("POST", "/control/challenge_life", json={"seconds": seconds}).status_code == 200

    def ledger(self) -> list[dict[str, Any]]:
        """Return every charge there is, newest first: the truth."""
        found: list[dict[str, Any]] = self.call("GET", "/control/ledger").json()["charges"]
        return found

    def charges(self, *, reference: str) -> list[dict[str, Any]]:
        """Return the charges in the ledger for one payment, newest first."""
        return [charge for charge in self.ledger() if charge["reference"] == reference]

    def requests(self, *, reference: str) -> list[dict[str, Any]]:
        """Return the charge requests received for one payment, oldest first."""
        return self._requests(reference, "charge")

    def refund_requests(self, *, reference: str) -> list[dict[str, Any]]:
        """Return the refund requests received for one payment, oldest first."""
        return self._requests(reference, "refund")

    def _requests(self, reference: str, operation: str) -> list[dict[str, Any]]:
        query = {"reference": reference, "operation": operation}
        found: list[dict[str, Any]] = self.call("GET", "/control/requests", params=query).json()["requests"]
        return found

    def refunds(self, *, reference: str) -> list[dict[str, Any]]:
        """Return the refunds in the ledger for one payment, newest first, whoever made them."""
        found: list[dict[str, Any]] = self.call("GET", "/control/ledger").json()["refunds"]
        return [refund for refund in found if refund["reference"] == reference]

    def control(self, path: str, **members: Any) -> dict[str, Any]:
        """POST to the control API and return what it answers (see payments/gateways/sandbox/refund_control.py)."""
        reply = self.call("POST", f"/control/{path}", json=members)
        assert reply.ok, reply.text
        answered: dict[str, Any] = reply.json()
        return answered

    def events(self, *, reference: str = "") -> list[dict[str, Any]]:
        """Return every event, or those about one payment, oldest first, each with how far its `delivery` has come."""
        found: list[dict[str, Any]] = self.call("GET", "/control/events").json()["events"]
        return [each for each in reversed(found) if reference in {"", each["data"]["object"].get("reference")}]

    def emit(self, type_: str, **event: Any) -> dict[str, Any]:
        """Make an event that nothing has caused (see payments/gateways/sandbox/event_control.py) and return it."""
        reply = self.call("POST", "/control/events", json={"type": type_, **event})
        assert reply.status_code == 201, reply.text
        made: dict[str, Any] = reply.json()
        return made

    def resend(self, event_id: str) -> None:
        """Send an event once more, delivered or not."""
        assert self.call("POST", f"/control/events/{event_id}/resend").status_code == 200


def start_sandbox(
    database: Path,
    *,
    name: str = "primary",
    shop_origins: Sequence[str] = (SHOP,),
    latency_ms: float = 0,
    slow: float = 0.3,
    key_life: float | None = None,
    challenge_life: float | None = None,
    vault: Path | None = None,
    secret: str = SECRET,
    webhook_url: str = "",
) -> SandboxProcess:
    """Start one on a free port; close() it. slow, key_life and challenge_life in seconds.

    vault: the file of card tokens, the same for gateways that can charge each other's. webhook_url: on this machine,
    gets the events, signed with WEBHOOK_SECRET; none are sent without.
    """
    arguments = ["--name", name, "--latency-ms", str(latency_ms), "--slow", str(slow)]
    for origin in shop_origins:
        arguments += ["--shop-origin", origin]
    if key_life is not None:
        arguments += ["--key-life", str(key_life)]
    if challenge_life is not None:
        arguments += ["--challenge-life", str(challenge_life)]
    if vault is not None:
        arguments += ["--vault", str(vault)]
    if webhook_url:
        arguments += ["--webhook-url", webhook_url]
    return SandboxProcess(database, arguments, secret)


@contextmanager
def sandbox_process(database: Path, **options: Any) -> Iterator[SandboxProcess]:
    """Start one as start_sandbox does, and end it afterwards."""
    sandbox = start_sandbox(database, **options)
    try:
        yield sandbox
    finally:
        sandbox.close()


def wait_until(holds: Any, *, seconds: float = 5) -> None:
    """Wait until `holds()` is true; fail after `seconds`."""
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, "It did not come true in time."
        time.sleep(0.02)
