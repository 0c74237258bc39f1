"""The health call: what counts as healthy, and that its deadline holds whatever the gateway does (requirement B9)."""

import time
from typing import Any

import pytest

from tests.payments.gateways.builders import charge_request, gateway
from tests.sandbox import SandboxProcess

# Seconds; late by at most one tick of the reaper and what a busy machine adds.
DEADLINE, LATE = 0.4, 0.4


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("hang_without_executing", {}),
        ("execute_then_close", {}),
        ("execute_then_reset", {}),
        ("delay", {"delay_ms": 3000}),
        ("drip", {"interval_ms": 100}),
        ("drip", {"interval_ms": 100, "where": "headers"}),
        ("cut_reply", {}),
        ("status", {"status": 500}),
        ("status", {"status": 503, "headers": {"Retry-After": "600"}}),
        ("status", {"status": 429}),
        ("status", {"status": 200, "body": {"status": "degraded"}}),
        ("html_200", {}),
        ("empty_200", {}),
        ("wrong_content_type", {}),
        ("redirect", {}),
        ("huge_body", {"bytes": 20_000_000}),
        ("gzip_body", {"bytes": 1000}),
    ],
)
def test_a_gateway_that_does_not_answer_its_health_call_well_is_not_healthy_by_the_deadline(
    sandbox: SandboxProcess, kind: str, params: dict[str, Any]
) -> None:
    # Time-outs as in production: only the deadline can end the call early.
    adapter = gateway(sandbox.url, connect_timeout=5, read_timeout=30)
    sandbox.arm(kind, operation="health", count=1, params=params)
    started = time.monotonic()
    assert adapter.healthy(DEADLINE) is False
    assert time.monotonic() - started < DEADLINE + LATE
    assert sandbox.faults()[0]["fired"] == 1
    assert adapter.healthy(DEADLINE) is True


def test_a_fault_of_the_health_call_spares_charges(sandbox: SandboxProcess) -> None:
    adapter = gateway(sandbox.url)
    sandbox.arm("status", operation="health")
    assert adapter.charge(charge_request()).reason == "succeeded"
    assert adapter.healthy(DEADLINE) is False


def test_a_slow_gateway_is_healthy_within_the_deadline(sandbox: SandboxProcess) -> None:
    sandbox.set_latency(100)
    adapter = gateway(sandbox.url, read_timeout=5)
    assert [adapter.healthy(2.0), adapter.healthy(0.05)] == [True, False]
