"""Rows of breakers as they would be stored, and how the console shows them at ten past two."""

from datetime import datetime, timedelta
from typing import Any

from payments.admin.breakers import Breaker, breakers
from payments.models import Circuit
from payments.reliability.breaker import Board

NOW = datetime.fromisoformat("2026-03-01T14:10:00+00:00")
TWO = datetime.fromisoformat("2026-03-01T14:02:00+00:00")
REFUSED = "the gateway refused the connection"


def circuit(gateway: str = "primary", operation: str = "charge", **columns: Any) -> Circuit:
    return Circuit(**{"gateway": gateway, "operation": operation, "changed_at": TWO, **columns})


def opened(gateway: str = "primary", **columns: Any) -> Circuit:
    many = {"state": "open", "failures": 5, "opened_at": TWO, "failed_at": TWO, "failed_because": "refused"}
    return circuit(gateway, **{**many, "try_at": NOW + timedelta(seconds=18), **columns})


def shown(*rows: Circuit) -> list[Breaker]:
    return breakers(["primary", "secondary"], rows, NOW, Board(rows, NOW))
