"""A whole site in its own processes, as `make run` starts it, for tests."""

import http.client
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from django.conf import settings

from paysite.guard import Guard
from tests.support.processes import free_ports, wait_until

START_SECONDS = 60.0


class RunningSite:
    """`manage.py run` on free ports. `environment` says which database and folder (tests/support/databases.py)."""

    def __init__(self, environment: Mapping[str, str], *options: str) -> None:
        self.var = Path(environment["PAYSITE_VAR"])
        self.port, primary, secondary, inbox = free_ports(4)
        self.output = self.var / "output"
        ports = ["--port", self.port, "--primary-port", primary, "--secondary-port", secondary, "--inbox-port", inbox]
        command = [sys.executable, "-u", str(settings.BASE_DIR / "manage.py"), "run", *map(str, ports), *options]
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._guard = Guard()  # should the test run itself be killed
        self._guard.watch(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def await_ready(self) -> dict[str, Any]:
        """Wait until the site says that it is ready; return what it wrote for programs."""
        note = self.var / "demo.json"

        def ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(f"the site ended at its start:\n{self.said()}")
            return note.exists()

        wait_until(ready, seconds=START_SECONDS, what="demo.json")
        document: dict[str, Any] = json.loads(note.read_text())
        self._api_key = document["apiKey"]
        return document

    def said(self) -> str:
        return self.output.read_text()

    def get(self, path: str, api_key: str = "") -> tuple[int, str]:
        """Return status and body of a page or an API call."""
        return self.ask("GET", path, api_key)

    def ask(self, method: str, path: str, api_key: str = "", body: object = None, *, wait: int = 20) -> tuple[int, str]:
        headers = {"Prefer": f"wait={wait}"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=40)
        try:
            connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def pay(self, key: str = "", *, wait: int = 20) -> dict[str, Any]:
        """Pay 12.50 USD for a new order through the API; return the payment, up to `wait` seconds later."""
        request = {
            "idempotencyKey": key or str(uuid.uuid4()),
            "amount": 12.5,
            "currency": "USD",
            "paymentMethod": {"type": "card", "token": "tok_success"},
            "metadata": {"orderID": f"order-{uuid.uuid4().hex[:8]}", "customerID": "customer-1"},
        }
        status, body = self.ask("POST", "/api/payments/process", self._api_key, request, wait=wait)
        assert status < 300, body
        payment: dict[str, Any] = json.loads(body)
        return payment

    def stop(self) -> int:
        """End the site as Ctrl-C does, unless it has ended, and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(timeout=30)
        self._guard.forget(self.process.pid)
        self._guard.close()
        return code
