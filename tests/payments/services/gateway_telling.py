"""Charges made at the gateway without our hearing of it, and events applied one pass at a time."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.gateways.base import Outcome
from payments.models import Attempt, GatewayEvent
from payments.reliability import calls
from payments.services import gateway_events
from tests.payments.conftest import BECAUSE
from tests.sandbox import SandboxProcess


def charged(gateway: SandboxProcess, attempt: Attempt, token: str = "") -> dict[str, Any]:
    """Let the gateway make the attempt's charge without our hearing of it."""
    gateway.charge(
        attempt.gateway_key,
        amount=attempt.amount,
        currency=attempt.currency,
        token=token or "tok_success",
        reference=attempt.payment_id,
    )
    return gateway.charges(reference=attempt.payment_id)[0]


def forbid_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail where the gateway is asked."""

    def called(*_: Any, **__: Any) -> Outcome:
        raise AssertionError("The gateway was asked.")

    monkeypatch.setattr(calls, "look_up", called)


def count_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the keys that are asked about from now on; the gateway is asked all the same."""
    asked: list[str] = []
    look_up = calls.look_up

    def counting(attempt: Attempt, *, prepared_at: float) -> Outcome:
        asked.append(attempt.gateway_key)
        return look_up(attempt, prepared_at=prepared_at)

    monkeypatch.setattr(calls, "look_up", counting)
    return asked


def old(attempt: Attempt, seconds: float = 6) -> Attempt:
    """Let the time be over in which the attempt's own answer is expected; its payment stays claimed."""
    Attempt.objects.filter(pk=attempt.pk).update(last_sent_at=Now() - timedelta(seconds=seconds))
    return attempt


def state_of(event: GatewayEvent) -> tuple[str, str]:
    event.refresh_from_db()
    return event.state, event.note


def run() -> None:
    """Do what is due about events, and nothing else."""
    for ask in gateway_events.claim(BECAUSE):
        ask()()
