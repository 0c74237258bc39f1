"""Two real sandbox gateways with one vault, and settings that lead to them or past them."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from payments.reliability.gateways import gateway_named
from tests.sandbox import SandboxProcess, start_sandbox
from tests.support.processes import free_port

NAMES: Final = ("primary", "secondary")
Captures = dict[str, list[tuple[str, dict[str, Any]]]]


class GatewayPair:
    """primary, secondary: the processes. `lead_to` says where Paysite looks for them."""

    def __init__(self, primary: SandboxProcess, secondary: SandboxProcess, settings: Any) -> None:
        self.primary, self.secondary = primary, secondary
        self._settings = settings
        self.lead_to()

    def lead_to(self, **urls: str) -> None:
        """Have Paysite call `primary` and `secondary` at these addresses; at their own where none is given."""
        sandboxes = (self.primary, self.secondary)
        self._settings.GATEWAYS = [
            {
                "name": name,
                "kind": "sandbox",
                "url": urls.get(name, sandbox.url),
                "origin": sandbox.url,
                "secret": sandbox.secret,
            }
            for name, sandbox in zip(NAMES, sandboxes, strict=True)
        ]
        gateway_named.cache_clear()

    def go_dead(self, *names: str) -> None:
        """Have the gateways `names` refuse connections, as one whose process ended does."""
        self.lead_to(**{name: f"http://127.0.0.1:{free_port()}" for name in names})

    def hurry(self, name: str, read_timeout: float) -> None:
        """Have calls to this one gateway give up after so many seconds without a byte; `lead_to` ends that."""
        patience = self._settings.GATEWAY_READ_TIMEOUT
        self._settings.GATEWAY_READ_TIMEOUT = read_timeout
        gateway_named.cache_clear()
        gateway_named(name)
        self._settings.GATEWAY_READ_TIMEOUT = patience

    def captures(self) -> Captures:
        """Return the gateway and charge of all money taken and kept, by payment, over both ledgers."""
        found: Captures = defaultdict(list)
        for name, sandbox in zip(NAMES, (self.primary, self.secondary), strict=True):
            for charge in sandbox.ledger():
                if charge["status"] == "succeeded":
                    found[charge["reference"]].append((name, charge))
        return found

    def heal(self) -> None:
        for sandbox in (self.primary, self.secondary):
            sandbox.clear_faults()
            sandbox.set_latency(0)
        self.lead_to()


@contextmanager
def sandbox_pair(folder: Path) -> Iterator[tuple[SandboxProcess, SandboxProcess]]:
    """Start both; their ledgers and their vault lie in `folder`."""
    vault = folder / "vault.sqlite3"
    started = [start_sandbox(folder / f"{name}.sqlite3", name=name, vault=vault) for name in NAMES]
    try:
        yield started[0], started[1]
    finally:
        for sandbox in started:
            sandbox.close()
