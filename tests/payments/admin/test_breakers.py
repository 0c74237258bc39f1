"""What the front page says about breakers, health and the level of the ladder in use (requirements B6, B7, B9)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from payments.admin.breakers import Breaker, breakers
from payments.admin.overview.gateways import gateway_rows
from payments.admin.overview.health import Health, health_of
from payments.admin.overview.ladder import LevelNow, by_level, level_now
from payments.admin.overview.volume import volume
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Circuit, Client, GatewayHealth, Payment
from payments.services import circuits
from tests.payments.admin.breaking import fail, next_attempt, without_gateway
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db

NOW = datetime.fromisoformat("2026-03-01T14:10:00+00:00")
TWO = datetime.fromisoformat("2026-03-01T14:02:00+00:00")
REFUSED = "the gateway refused the connection (refused)"


def circuit(gateway: str = "primary", operation: str = "charge", **columns: Any) -> Circuit:
    return Circuit(**{"gateway": gateway, "operation": operation, "changed_at": TWO, **columns})


def opened(gateway: str = "primary", **columns: Any) -> Circuit:
    many = {"state": "open", "failures": 5, "opened_at": TWO, "failed_at": TWO, "failed_because": "refused"}
    return circuit(gateway, **{**many, "try_at": NOW + timedelta(seconds=18), **columns})


def shown(*rows: Circuit) -> list[Breaker]:
    return breakers(["primary", "secondary"], rows, NOW)


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


def test_a_breaker_whose_time_is_over_is_tried_with_the_next_call() -> None:
    assert shown(opened(try_at=NOW))[0].next_try == "with the next call"
    assert shown(opened(opened_at=TWO - timedelta(days=1)))[0].since == "2026-02-28 14:02 UTC, 1 d"


def test_a_half_open_breaker_says_how_its_trials_go_and_since_when_the_outage_lasts() -> None:
    row = shown(opened(state="half_open", trials=2, trials_passed=1, changed_at=NOW))[0]
    assert (row.words, row.colour, row.since) == ("Half-open", "warning", "14:02 UTC, 8 min")
    assert row.next_try == "now: 2 trial calls given away, 1 came back well"
    assert row.why == f"has been open since 14:02 UTC, {REFUSED} ×5, and trial calls test it now"


@pytest.mark.parametrize(("held", "words"), [("open", "Open by hand"), ("closed", "Closed by hand")])
def test_what_an_operator_holds_outranks_what_the_machine_found(held: str, words: str) -> None:
    row = shown(circuit(held=held, state=held, why="maintenance", changed_by="operator:anna"))[0]
    assert (row.mode, row.words, row.reason) == (held, words, "maintenance")
    assert row.next_try == "not by itself: held by operator anna"
    assert row.why == f"has been held {held} by operator anna since 14:02 UTC: maintenance"


def test_with_the_first_gateway_well_level_1_is_in_use() -> None:
    assert level_now(shown()) == LevelNow("1", "success", "check_circle", "primary.")
    # Breakers of other kinds of calls do not move charges.
    assert level_now(shown(opened(operation="look_up"))).level == "1"


def test_with_the_first_breaker_open_level_3_is_in_use_and_says_why() -> None:
    found = level_now(shown(opened()))
    why = f"the breaker of primary's charges has been open since 14:02 UTC, {REFUSED} ×5."
    assert (found.level, found.colour, found.words) == ("3", "warning", f"secondary: {why}")


def test_a_first_gateway_that_is_only_tested_is_not_in_use_yet() -> None:
    assert level_now(shown(opened(state="half_open"))).level == "3"


def test_with_the_second_breaker_open_level_1_warns_that_there_is_nothing_to_fall_back_on() -> None:
    found = level_now(shown(opened("secondary")))
    assert (found.level, found.colour) == ("1", "warning")
    assert found.words.startswith("primary. To fall back on there is less: the breaker of secondary's charges has been")


def test_with_all_breakers_open_nothing_can_be_charged() -> None:
    found = level_now(shown(opened(), circuit("secondary", held="open", why="contract", changed_by="operator:anna")))
    assert (found.level, found.colour) == ("4–6", "danger")
    assert found.words == (
        f"no gateway can charge: the breaker of primary's charges has been open since 14:02 UTC, {REFUSED} ×5; the "
        "breaker of secondary's charges has been held open by operator anna since 14:02 UTC: contract. Trusted "
        "customers' orders are accepted and charged later; others fail kindly."
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
    assert health_of(row, NOW) == Health(words, is_good)


def test_a_gateway_that_was_never_checked_says_so() -> None:
    assert health_of(None, NOW) == Health("not checked yet")


def test_a_breaker_that_is_open_keeps_a_gateway_on_the_page_after_it_left_the_settings(settings: Any) -> None:
    fail("primary")
    settings.GATEWAYS = settings.GATEWAYS[1:]
    rows, _ = gateway_rows(database_now())
    assert [(row.name, row.kind, row.breakers[0].words) for row in rows] == [
        ("secondary", "sandbox", "Closed"),
        ("primary", "no longer in use", "Open"),
    ]


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


def test_accepted_orders_are_a_work_queue_with_age_and_value(shop: Client, operator: Browser) -> None:
    fail("primary")
    fail("secondary")
    queued = without_gateway(shop, "trusted", trusted=True)
    assert (queued.status, queued.level, without_gateway(shop, "stranger", trusted=False).status) == (
        "retrying",
        4,
        "failed",
    )
    card = text_of(operator, "/admin/").partition('data-queue="queued"')[2].partition("</a>")[0]
    assert '<span class="console-card-count">1</span>' in card
    assert "12.50 USD" in card
    assert "Oldest: " in card
    listed = operator.get("/admin/payments/payment/?queue=queued").context["cl"].result_list
    assert [payment.pk for payment in listed] == [queued.pk]


def test_a_payment_that_is_merely_tried_again_is_not_in_the_queue(shop: Client, operator: Browser) -> None:
    after(sent(shop), Kind.NOT_SENT, "refused")
    accepted(shop, "fresh", order="fresh")
    assert operator.get("/admin/payments/payment/?queue=queued").context["cl"].result_count == 0
