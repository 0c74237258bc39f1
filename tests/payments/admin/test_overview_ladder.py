"""What the front page says about the level of the ladder in use, and why (requirements B7, B9)."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from payments.admin.overview.ladder import LevelNow, by_level, level_now
from payments.admin.overview.volume import volume
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, Payment
from payments.services import circuits
from tests.payments.admin.breaker_rows import NOW, REFUSED, circuit, opened, shown
from tests.payments.admin.breaking import fail, next_attempt
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db


def test_with_the_first_gateway_well_level_1_is_in_use() -> None:
    assert level_now(shown()) == LevelNow("1", "success", "check_circle", "primary.")
    # Breakers of other kinds of calls do not move charges.
    assert level_now(shown(opened(operation="look_up"))).level == "1"


def test_with_the_first_breaker_open_level_3_is_in_use_and_says_why() -> None:
    found = level_now(shown(opened()))
    why = f"the breaker of primary's charges has been open since 14:02 UTC, {REFUSED} ×5."
    assert (found.level, found.colour, found.words) == ("3", "warning", f"secondary: {why}")
    assert found.short == f"primary takes no charges since 14:02 UTC ({REFUSED} ×5); payments go to secondary."


def test_a_first_gateway_whose_time_is_over_is_in_use_for_its_trial_calls() -> None:
    found = level_now(shown(opened(try_at=NOW)))
    assert (found.level, found.colour, found.icon) == ("1", "warning", "hourglass_top")
    said = "primary is being tried again: the next 3 payments are its trial calls; others go to secondary."
    why = f"The breaker of primary's charges has been open since 14:02 UTC, last failed 14:02 UTC: {REFUSED}."
    assert (found.short, found.words) == (said, f"{said} {why}")
    one = level_now(shown(opened(state="half_open", trials=2)))
    assert one.short == "primary is being tried again: the next payment is its trial call; others go to secondary."


def test_a_first_gateway_whose_trials_are_all_under_way_is_not_in_use() -> None:
    found = level_now(shown(opened(state="half_open", trials=3, trials_until=NOW + timedelta(seconds=5))))
    assert (found.level, found.colour) == ("3", "warning")
    assert found.words.endswith(f"last failed 14:02 UTC: {REFUSED}, and its trial calls are under way.")


def test_with_all_breakers_open_and_their_time_over_the_next_payments_are_trial_calls() -> None:
    found = level_now(shown(opened(try_at=NOW), opened("secondary", try_at=NOW)))
    assert (found.level, found.colour) == ("1", "warning")
    assert found.short == "primary is being tried again: the next 3 payments are its trial calls."
    assert found.words.endswith(f"last failed 14:02 UTC: {REFUSED}, and it is being tried again.")
    second = level_now(shown(opened(), opened("secondary", try_at=NOW)))
    assert (second.level, second.colour) == ("3", "warning")
    assert second.short == "secondary is being tried again: the next 3 payments are its trial calls."
    assert f"the breaker of primary's charges has been open since 14:02 UTC, {REFUSED} ×5." in second.words


def test_with_the_second_breaker_open_level_1_warns_that_there_is_nothing_to_fall_back_on() -> None:
    found = level_now(shown(opened("secondary")))
    assert (found.level, found.colour) == ("1", "warning")
    assert found.words.startswith("primary. To fall back on there is less: the breaker of secondary's charges has been")
    assert found.short == (f"To fall back on there is less: secondary takes no charges since 14:02 UTC ({REFUSED} ×5).")
    tried = level_now(shown(opened("secondary", try_at=NOW)))
    assert (tried.level, tried.short) == ("1", "To fall back on there is less: secondary is being tried again.")


def test_with_all_breakers_open_nothing_can_be_charged() -> None:
    found = level_now(
        shown(opened(), circuit("secondary", state="open", held="open", why="contract", changed_by="operator:anna"))
    )
    assert (found.level, found.colour) == ("4–6", "danger")
    assert found.words == (
        f"no gateway can charge: the breaker of primary's charges has been open since 14:02 UTC, {REFUSED} ×5; the "
        "breaker of secondary's charges has been held open by operator anna since 14:02 UTC: contract. Trusted "
        "customers' orders are accepted and charged later; others fail kindly."
    )
    assert found.short == (
        f"No gateway can charge: primary since 14:02 UTC ({REFUSED} ×5), secondary since 14:02 UTC (held open "
        "by operator anna: contract). See Gateways and circuit breakers below."
    )


def test_without_any_gateway_it_says_so(settings: Any) -> None:
    settings.GATEWAYS = []
    assert level_now([]).words.startswith("no gateway can charge: the settings name none.")


def test_routing_rules_are_mentioned(settings: Any) -> None:
    settings.ROUTES = [{"shares": {"secondary": 1}}]
    assert level_now(shown()).words == "primary. Routing rules send some payments elsewhere first."


def test_payments_are_counted_by_the_lowest_level_that_they_reached(shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED)
    attempt = next_attempt(after(sent(shop, "key-2", order="order-2"), Kind.DECLINED, decline_code="do_not_honor"))
    assert attempt.three_d_secure
    rows = by_level(volume(database_now()))
    assert [(row.level, row.count) for row in rows] == [(1, 1), (2, 1), (3, 0), (4, 0), (5, 0), (6, 0)]
    assert rows[1].url == "/admin/payments/payment/?level=2&created=24h"
    Payment.objects.update(level=3)
    assert [row.count for row in by_level(volume(database_now() + timedelta(days=2)))] == [0] * 6


def test_the_front_page_says_which_gateway_is_in_use_and_why(operator: Browser) -> None:
    fail("primary", times=4)
    assert "Level in use now: <b>1</b> primary." in text_of(operator, "/admin/")
    fail("primary", times=1)
    page = text_of(operator, "/admin/")
    assert "Level in use now: <b>3</b> secondary: the breaker of primary&#x27;s charges has been open since" in page
    assert f"{REFUSED} ×5." in page
    fail("secondary", reason="connect_timeout")
    page = text_of(operator, "/admin/")
    assert "Level in use now: <b>4–6</b>: no gateway can charge" in page
    assert 'href="/admin/payments/circuit/gateway/primary/"' in page


def test_a_breaker_that_trials_closed_again_is_level_1_again(operator: Browser) -> None:
    fail("primary")
    circuits.hold_closed("primary", "charge", "anna", "they called: all is well")
    circuits.release("primary", "charge", "anna", "back to normal")
    assert "Level in use now: <b>1</b> primary." in text_of(operator, "/admin/")
