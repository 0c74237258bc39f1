"""A gateway's own events about refunds and disputes, told to us at a time of the test's choosing."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import pytest

from payments.gateways.sandbox.notices import notice_of
from payments.models import GatewayEvent, Payment
from payments.reliability import calls
from payments.services import gateway_events
from payments.services.gateway_events.store import store
from payments.services.settle import Settler
from tests.payments.conftest import BECAUSE
from tests.sandbox import SandboxProcess
from tests.support.virtual_time import advance

CALLS: Final = ("refund", "look_up_refund", "refunds_since", "look_up", "look_up_dispute")


def happened(gateway: SandboxProcess, payment: Payment, prefix: str = "refund.") -> list[dict[str, Any]]:
    """Return the gateway's events about the payment whose type begins with `prefix`, oldest first."""
    return [event for event in gateway.events(reference=payment.pk) if event["type"].startswith(prefix)]


def receive(events: Iterable[dict[str, Any]], gateway: str = "primary") -> list[GatewayEvent]:
    """Store events as if they had just been delivered, each once however often it comes; nothing is applied yet."""
    received = []
    for event in events:
        body = json.dumps(event).encode()
        store(gateway, notice_of(event["id"], body), body)
        received.append(GatewayEvent.objects.get(gateway=gateway, event_id=event["id"]))
    return received


def later(settler: Settler, seconds: float) -> None:
    """Let time pass, and settle what is due then."""
    advance(seconds)
    settler.drain()


def apply_events() -> None:
    """Do what is due about events, and nothing else."""
    for ask in gateway_events.claim(BECAUSE):
        ask()()


def fates() -> list[tuple[str, str]]:
    """Return state and note of every event that we have, in the order in which they came."""
    return list(GatewayEvent.objects.order_by("pk").values_list("state", "note"))


def count_calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count the calls to gateways from now on, by their names; they are made all the same."""
    counted: Counter[str] = Counter()
    for name in CALLS:
        monkeypatch.setattr(calls, name, _counting(name, getattr(calls, name), counted))
    return counted


def _counting(name: str, call: Any, counted: Counter[str]) -> Any:
    def counting(*arguments: Any, **named: Any) -> Any:
        counted[name] += 1
        return call(*arguments, **named)

    return counting
