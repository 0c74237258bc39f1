"""What the front page says about the health of gateways (requirement B9)."""

from datetime import timedelta
from typing import Any

import pytest

from payments.admin.overview.health import Health, health_of
from payments.models import GatewayHealth
from tests.payments.admin.breaker_rows import NOW, TWO

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("columns", "words", "is_good"),
    [
        ({"healthy": True, "in_a_row": 1}, "healthy for 8 min (checked 12 s ago)", True),
        ({"healthy": False, "in_a_row": 3}, "not healthy for 8 min (checked 12 s ago, 3 times in a row)", False),
        ({"healthy": None}, "not checked yet", None),
    ],
)
def test_health_says_since_when(columns: dict[str, Any], words: str, is_good: bool | None) -> None:
    row = GatewayHealth(gateway="primary", due_at=NOW, checked_at=NOW - timedelta(seconds=12), since=TWO, **columns)
    found = health_of(row, NOW)
    assert (found.words, found.is_good) == (words, is_good)
    assert found.mark == {True: "good", False: "bad", None: "unsure"}[is_good]


@pytest.mark.parametrize(("healthy", "said"), [(True, "healthy"), (False, "not healthy")])
def test_health_older_than_half_a_minute_is_told_as_the_past(healthy: bool, said: str) -> None:
    row = GatewayHealth(gateway="primary", due_at=NOW, since=TWO, healthy=healthy, in_a_row=3)
    row.checked_at = NOW - timedelta(seconds=98)
    assert health_of(row, NOW) == Health(f"was {said} when last checked 1 min 38 s ago", mark="past")
    row.checked_at = NOW - timedelta(seconds=30)
    assert health_of(row, NOW).is_good is healthy


def test_a_gateway_that_was_never_checked_says_so() -> None:
    assert health_of(None, NOW) == Health("not checked yet")
