"""Real sandbox gateways in their own processes, and the settings that lead to them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest

from payments.models import Client, Payment
from payments.reliability import budget
from payments.reliability.gateways import gateway_named
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE
from tests.payments.services.telling import queued_payment
from tests.sandbox import SandboxProcess, start_sandbox

NOBODY: Final = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class Gateways:
    """A primary and a secondary gateway with one vault. Refused connections: `down`; an end of that: `up`."""

    primary: SandboxProcess
    secondary: SandboxProcess
    settings: Any

    def down(self, *names: str) -> None:
        self._lead(dict.fromkeys(names, NOBODY))

    def up(self) -> None:
        self._lead({})

    def remove(self, name: str) -> None:
        """Take it out of the settings."""
        self.settings.GATEWAYS = [each for each in self.settings.GATEWAYS if each["name"] != name]
        gateway_named.cache_clear()

    def captures(self, payment: Payment) -> tuple[int, int]:
        """Return how often each gateway took the payment's money, by its own ledger."""
        return _captures(self.primary, payment), _captures(self.secondary, payment)

    def requests(self, payment: Payment) -> tuple[int, int]:
        """Return how many charge requests for the payment each gateway has got."""
        found = [len(each.requests(reference=payment.pk)) for each in (self.primary, self.secondary)]
        return found[0], found[1]

    def _lead(self, elsewhere: dict[str, str]) -> None:
        self.settings.GATEWAYS = [
            {
                "name": name,
                "kind": "sandbox",
                "url": elsewhere.get(name, sandbox.url),
                "origin": sandbox.url,
                "secret": sandbox.secret,
            }
            for name, sandbox in (("primary", self.primary), ("secondary", self.secondary))
        ]
        gateway_named.cache_clear()


def _captures(sandbox: SandboxProcess, payment: Payment) -> int:
    return sum(charge["status"] == "succeeded" for charge in sandbox.charges(reference=payment.pk))


@pytest.fixture(scope="session")
def shared_gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxProcess, SandboxProcess]]:
    folder = tmp_path_factory.mktemp("gateways")
    vault = folder / "vault.sqlite3"
    primary = start_sandbox(folder / "primary.sqlite3", vault=vault)
    secondary = start_sandbox(folder / "secondary.sqlite3", name="secondary", vault=vault)
    yield primary, secondary
    primary.close()
    secondary.close()


@pytest.fixture
def gateways(
    shared_gateways: tuple[SandboxProcess, SandboxProcess], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Gateways]:
    """Both gateways, without faults; calls to them give up after two seconds. No retry is left over from before."""
    found = Gateways(*shared_gateways, settings)
    found.up()
    settings.GATEWAY_READ_TIMEOUT, settings.GATEWAY_DEADLINE = 1, 2
    monkeypatch.setattr(budget, "_deposits", budget._Deposits())
    for sandbox in shared_gateways:
        sandbox.clear_faults()
    yield found
    gateway_named.cache_clear()


@pytest.fixture(scope="session")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    sandbox = start_sandbox(tmp_path_factory.mktemp("gateway") / "ledger.sqlite3")
    yield sandbox
    sandbox.close()


@pytest.fixture
def gateway(shared_gateway: SandboxProcess, settings: Any) -> Iterator[SandboxProcess]:
    """The primary gateway, without faults; calls to it give up after two seconds."""
    url = shared_gateway.url
    settings.GATEWAYS = [
        {"name": "primary", "kind": "sandbox", "url": url, "origin": url, "secret": shared_gateway.secret}
    ]
    settings.GATEWAY_READ_TIMEOUT, settings.GATEWAY_DEADLINE = 1, 2
    gateway_named.cache_clear()
    shared_gateway.clear_faults()
    yield shared_gateway
    gateway_named.cache_clear()


@pytest.fixture
def settler() -> Iterator[Settler]:
    made = Settler(BECAUSE, threads=8)
    yield made
    made.finish()


@pytest.fixture
def public_site(settings: Any) -> None:
    """Set the address that links lead to, the sender of e-mails, and a queue that is drained fast."""
    settings.PUBLIC_URL = "https://pay.test"
    settings.DEFAULT_FROM_EMAIL = "Paysite <payments@pay.test>"
    settings.DRAIN_PER_SECOND = 100


@pytest.fixture
def queued(shop: Client) -> Payment:
    """A payment whose order was accepted although no gateway answered."""
    return queued_payment(shop)
