"""What the console says about each breaker: since when, why, and when it is tried (requirements B6, B9)."""

from datetime import timedelta
from typing import Any

import pytest

from payments.admin.breakers import breakers
from payments.admin.overview.gateways import gateway_rows
from payments.clock import database_now
from payments.reliability.breaker import Board
from tests.payments.admin.breaker_rows import NOW, REFUSED, TWO, circuit, opened, shown
from tests.payments.admin.breaking import fail

pytestmark = pytest.mark.django_db


def test_a_breaker_that_never_had_to_do_anything_has_no_row_and_is_closed() -> None:
    found = shown()
    assert [(row.gateway, row.name) for row in found] == [
        (gateway, name) for gateway in ("primary", "secondary") for name in ("Charges", "Look-ups", "Refunds", "Lists")
    ]
    assert {(row.mode, row.words, row.colour, row.failures, row.since, row.next_try) for row in found} == {
        ("closed", "Closed", "success", "0", "—", "—")
    }


def test_an_open_breaker_says_since_when_why_and_when_it_is_tried() -> None:
    row = shown(opened())[0]
    assert (row.mode, row.words, row.colour, row.icon) == ("open", "Open", "danger", "block")
    assert (row.since, row.next_try, row.failures) == ("14:02 UTC, 8 min", "in 18 s", "5")
    assert row.last_failure == f"8 min ago: {REFUSED}"
    assert row.why == f"has been open since 14:02 UTC, {REFUSED} ×5"

    assert (row.short, row.admits, row.trials_left) == (f"since 14:02 UTC ({REFUSED} ×5)", False, 0)


def test_a_breaker_whose_time_is_over_is_tried_with_the_next_call() -> None:
    row = shown(opened(try_at=NOW))[0]
    assert (row.words, row.colour, row.icon) == ("Open, being tried again", "warning", "hourglass_top")
    assert (row.next_try, row.admits, row.trials_left) == ("with the next call", True, 3)
    # What failed before the time was over is told as the past.
    assert row.why == f"has been open since 14:02 UTC, last failed 14:02 UTC: {REFUSED}"
    assert shown(opened(opened_at=TWO - timedelta(days=1)))[0].since == "2026-02-28 14:02 UTC, 1 d"


def test_a_breaker_whose_time_is_over_waits_for_a_good_health_call() -> None:
    rows = [opened(try_at=NOW, changed_at=NOW - timedelta(minutes=2))]
    row = breakers(["primary"], rows, NOW, Board(rows, NOW, {"primary"}))[0]
    assert (row.words, row.colour, row.admits) == ("Open", "danger", False)
    assert row.next_try == "when its own health call is good again, at the latest in 3 min"


def test_a_failure_of_another_time_than_the_opening_is_not_told_as_its_reason() -> None:
    later = shown(opened(failed_at=TWO + timedelta(minutes=7), failed_because="reset"))[0]
    assert later.short == "since 14:02 UTC (last failed 14:09 UTC: the connection was reset)"
    # Held open at 14:02 and released: what failed in the morning has nothing to do with it.
    earlier = shown(opened(failed_at=TWO - timedelta(hours=5), changed_by="operator:anna", why="it is over"))[0]
    assert earlier.short == f"since 14:02 UTC (last failed 09:02 UTC: {REFUSED})"
    assert shown(opened(failed_at=None, failed_because=""))[0].short == "since 14:02 UTC"


def test_a_half_open_breaker_says_how_its_trials_go_and_since_when_the_outage_lasts() -> None:
    row = shown(opened(state="half_open", trials=2, trials_passed=1, changed_at=NOW))[0]
    assert (row.words, row.colour, row.since) == ("Half-open", "warning", "14:02 UTC, 8 min")
    assert row.next_try == "now: 2 trial calls given away, 1 came back well"
    assert row.why == f"has been open since 14:02 UTC, last failed 14:02 UTC: {REFUSED}"
    assert (row.admits, row.trials_left) == (True, 1)


def test_a_half_open_breaker_whose_trials_are_all_under_way_lets_nothing_else_leave() -> None:
    row = shown(opened(state="half_open", trials=3, trials_until=NOW + timedelta(seconds=5)))[0]
    assert (row.admits, row.trials_left) == (False, 0)
    assert row.short == f"since 14:02 UTC (its trial calls are under way; last failed 14:02 UTC: {REFUSED})"
    lost = shown(opened(state="half_open", trials=3, trials_until=NOW))[0]
    assert (lost.admits, lost.trials_left) == (True, 3)


@pytest.mark.parametrize(("held", "words"), [("open", "Open by hand"), ("closed", "Closed by hand")])
def test_what_an_operator_holds_outranks_what_the_machine_found(held: str, words: str) -> None:
    row = shown(circuit(held=held, state=held, why="maintenance", changed_by="operator:anna"))[0]
    assert (row.admits, row.trials_left, row.is_held) == (held == "closed", 0, True)
    assert (row.mode, row.words, row.reason) == (held, words, "maintenance")
    assert row.next_try == "not by itself: held by operator anna"
    assert row.why == f"has been held {held} by operator anna since 14:02 UTC: maintenance"


def test_a_breaker_that_is_open_keeps_a_gateway_on_the_page_after_it_left_the_settings(settings: Any) -> None:
    fail("primary")
    settings.GATEWAYS = settings.GATEWAYS[1:]
    rows, _ = gateway_rows(database_now())
    assert [(row.name, row.kind, row.breakers[0].words) for row in rows] == [
        ("secondary", "sandbox", "Closed"),
        ("primary", "no longer in use", "Open"),
    ]
