"""Adapters by kind."""

from typing import Any

import pytest

from payments.gateways.registry import build
from payments.gateways.sandbox.adapter import SandboxGateway

SETTINGS: dict[str, Any] = {
    "name": "primary",
    "url": "http://127.0.0.1:1/",
    "origin": "http://127.0.0.1:1/",
    "secret": "s",
}


def test_a_kind_has_its_adapter_with_its_capabilities() -> None:
    gateway = build(kind="sandbox", connect_timeout=5, read_timeout=30, **SETTINGS)
    assert isinstance(gateway, SandboxGateway)
    assert gateway.name == "primary"
    assert gateway.capabilities.key_life == 86_400
    assert gateway.capabilities.late_arrival == 600
    assert gateway.capabilities.replays_errors is True
    assert gateway.capabilities.vault == "sandbox"
    assert {"USD", "JPY", "KWD"} <= gateway.capabilities.currencies


def test_a_kind_that_is_not_known_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'other' is not a kind of gateway\. Known kinds: sandbox\."):
        build(kind="other", connect_timeout=5, read_timeout=30, **SETTINGS)
