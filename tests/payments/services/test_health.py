"""Health checks of gateways (requirement B9), against a real gateway that answers, breaks and comes back."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Circuit, CircuitChange, Client, GatewayHealth
from payments.reliability import calls
from payments.reliability.breaker import Board, Report, record
from payments.reliability.gateways import gateway_named
from payments.services import health
from payments.services.circuits import hold_open
from payments.services.health import begin_checking, is_back
from tests.payments.conftest import BECAUSE, after, sent
from tests.sandbox import SandboxProcess
from tests.support.processes import free_port
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def checked(gateway: SandboxProcess) -> Iterator[SandboxProcess]:
    begin_checking()
    yield gateway
    gateway_named.cache_clear()


def check() -> int:
    """Make the health calls that are due; return how many."""
    asks = health.claim(BECAUSE)
    for ask in asks:
        ask()()
    return len(asks)


def check_later(times: int = 1) -> None:
    for _ in range(times):
        advance(10)
        assert check() == 1


def go_dead(settings: Any) -> None:
    """Let the primary gateway's address be one where nobody listens."""
    settings.GATEWAYS = [{**settings.GATEWAYS[0], "url": f"http://127.0.0.1:{free_port()}"}]
    gateway_named.cache_clear()


def come_back(settings: Any, gateway: SandboxProcess) -> None:
    settings.GATEWAYS = [{**settings.GATEWAYS[0], "url": gateway.url}]
    gateway_named.cache_clear()


def fail_calls(times: int) -> None:
    with transaction.atomic():
        board = Board.read(database_now())
        passes = [board.admit("primary", "charge") for _ in range(times)]
    record([Report(granted, failed=True, reason="read_timeout") for granted in passes if granted])


def row() -> GatewayHealth:
    return GatewayHealth.objects.get(pk="primary")


def test_an_idle_gateway_is_asked_every_ten_seconds(checked: SandboxProcess) -> None:
    assert health.anything_due()
    assert check() == 1
    found = row()
    assert (found.healthy, found.in_a_row, found.since) == (True, 1, found.checked_at)
    assert found.checked_at is not None
    assert found.due_at == found.checked_at + timedelta(seconds=10)
    assert not health.anything_due()
    assert check() == 0
    check_later()
    assert (row().in_a_row, row().healthy) == (2, True)
    assert Circuit.objects.count() == 0


def test_a_gateway_with_traffic_and_a_closed_breaker_is_left_alone(checked: SandboxProcess, shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    assert check() == 0
    assert (row().healthy, health.anything_due()) == (None, False)


def test_traffic_more_than_a_minute_ago_is_none(checked: SandboxProcess, shop: Client) -> None:
    sent(shop)
    assert check() == 0
    advance(61)
    assert check() == 1


def test_a_gateway_with_traffic_and_an_open_breaker_is_asked(checked: SandboxProcess, shop: Client) -> None:
    sent(shop)
    fail_calls(5)
    assert check() == 1
    assert row().healthy is True


def test_a_dead_idle_gateway_is_known_before_it_is_needed(checked: SandboxProcess, settings: Any) -> None:
    go_dead(settings)
    check()
    check_later(3)
    assert (Circuit.objects.get().state, Circuit.objects.get().failures) == ("closed", 4)
    check_later()
    found = Circuit.objects.get()
    assert (found.state, found.changed_by, found.failed_because) == ("open", "health", "health_check")
    assert (row().healthy, row().in_a_row) == (False, 5)
    assert CircuitChange.objects.get().why == "5 failures in a row: health_check"


def test_three_good_checks_in_a_row_close_what_checks_alone_opened(checked: SandboxProcess, settings: Any) -> None:
    go_dead(settings)
    check()
    check_later(4)
    come_back(settings, checked)
    check_later(2)
    go_dead(settings)
    check_later()
    come_back(settings, checked)
    check_later(2)
    assert Circuit.objects.get().state == "open"
    check_later()
    assert (Circuit.objects.get().state, Circuit.objects.get().failures) == ("closed", 0)
    assert list(CircuitChange.objects.order_by("pk").values_list("before", "after", "changed_by")) == [
        ("closed", "open", "health"),
        ("open", "closed", "health"),
    ]


def test_good_checks_never_close_what_real_calls_opened(checked: SandboxProcess) -> None:
    fail_calls(5)
    check()
    check_later(5)
    assert (Circuit.objects.get().state, row().in_a_row) == ("open", 6)


def test_good_checks_never_forgive_failures_of_real_calls(checked: SandboxProcess) -> None:
    fail_calls(4)
    assert check() == 1
    assert Circuit.objects.get().failures == 4


@pytest.mark.parametrize("has_traffic", [True, False])
def test_bad_checks_count_only_where_there_is_no_traffic(
    checked: SandboxProcess, settings: Any, shop: Client, has_traffic: bool
) -> None:
    if has_traffic:
        sent(shop)
    fail_calls(5)
    advance(31)
    with transaction.atomic():
        board = Board.read(database_now())
        trials = [board.admit("primary", "charge") for _ in range(3)]
    asks = health.claim(BECAUSE)
    record([Report(granted, failed=False) for granted in trials if granted])
    go_dead(settings)
    for ask in asks:
        ask()()
    assert (row().healthy, Circuit.objects.get().state) == (False, "closed")
    assert Circuit.objects.get().failures == (0 if has_traffic else 1)


def test_whoever_was_overtaken_writes_nothing(checked: SandboxProcess, settings: Any) -> None:
    go_dead(settings)
    slow = [ask() for ask in health.claim(BECAUSE)]
    advance(61)
    come_back(settings, checked)
    assert check() == 1
    for write in slow:
        write()
    assert (row().healthy, row().in_a_row) == (True, 1)
    assert Circuit.objects.count() == 0


def test_a_killed_check_is_due_again_after_its_lease(checked: SandboxProcess) -> None:
    assert len(health.claim(BECAUSE)) == 1
    assert not health.anything_due()
    advance(calls.budget() + 10)
    assert check() == 1


def test_a_gateway_that_left_the_settings_is_not_asked(checked: SandboxProcess, settings: Any) -> None:
    settings.GATEWAYS = []
    assert not health.anything_due()
    assert check() == 0


def test_no_health_call_is_made_in_a_transaction(checked: SandboxProcess) -> None:
    asks = health.claim(BECAUSE)
    with transaction.atomic(), pytest.raises(calls.OpenTransactionError):
        asks[0]()


def test_looking_for_due_checks_is_one_query(checked: SandboxProcess) -> None:
    with CaptureQueriesContext(connection) as queries:
        health.anything_due()
    assert len(queries) == 1


def test_a_gateway_is_back_when_its_breaker_is_closed(checked: SandboxProcess) -> None:
    assert is_back("primary")
    fail_calls(4)
    assert is_back("primary")
    fail_calls(1)
    assert not is_back("primary")


def test_a_gateway_is_back_when_trials_may_leave_and_its_health_is_good(checked: SandboxProcess) -> None:
    fail_calls(5)
    check()
    assert not is_back("primary")
    advance(31)
    assert is_back("primary")
    advance(60)
    assert not is_back("primary")
    check()
    assert is_back("primary")


def test_a_gateway_whose_health_is_bad_or_unknown_is_not_back(checked: SandboxProcess, settings: Any) -> None:
    fail_calls(5)
    advance(31)
    assert not is_back("primary")
    go_dead(settings)
    check()
    assert not is_back("primary")


def test_a_gateway_that_is_held_open_is_not_back(checked: SandboxProcess) -> None:
    hold_open("primary", "charge", "anna", "Stop")
    check()
    assert row().healthy is True
    assert not is_back("primary")
