"""A real sandbox gateway in its own process, and the settings that lead to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from payments.reliability.gateways import gateway_named
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE
from tests.sandbox import SandboxProcess, start_sandbox


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
