"""Fixtures for tests with two real gateways: both for a whole file, a shop, and a settle loop."""

from collections.abc import Iterator
from typing import Any

import pytest

from payments.reliability.gateways import gateway_named
from payments.services.health import begin_checking
from payments.services.settle import Settler
from payments.services.watch import begin_watching
from tests.outage.pair import GatewayPair, sandbox_pair
from tests.payments.conftest import BECAUSE, shop
from tests.sandbox import SandboxProcess

__all__ = ["gateways", "settler", "shop", "two_gateways"]


@pytest.fixture(scope="module")
def two_gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxProcess, SandboxProcess]]:
    with sandbox_pair(tmp_path_factory.mktemp("gateways")) as pair:
        yield pair


@pytest.fixture
def gateways(
    two_gateways: tuple[SandboxProcess, SandboxProcess], settings: Any, transactional_db: None
) -> Iterator[GatewayPair]:
    """Both without faults, watched and checked as the loops do; calls give up after one second of silence."""
    settings.GATEWAY_CONNECT_TIMEOUT, settings.GATEWAY_READ_TIMEOUT, settings.GATEWAY_DEADLINE = 1, 1, 2
    pair = GatewayPair(*two_gateways, settings)
    pair.heal()
    begin_watching()
    begin_checking()
    yield pair
    gateway_named.cache_clear()


@pytest.fixture
def settler() -> Iterator[Settler]:
    made = Settler(BECAUSE, threads=64)
    yield made
    made.finish()
