"""What the front page says about breakers, health and the level of the ladder in use (requirements B6, B7, B9)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.admin.breakers import Breaker, breakers
from payments.admin.overview.gateways import gateway_rows
from payments.admin.overview.health import Health, health_of
from payments.admin.overview.ladder import LevelNow, by_level, level_now
from payments.admin.overview.volume import volume
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Circuit, Client, GatewayHealth, OperatorTask, Payment, SettleLoop
from payments.reliability.breaker import Board
from payments.services import circuits
from payments.services.claim import claim
from tests.payments.admin.breaking import fail, next_attempt, without_gateway
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import BECAUSE, accepted, after, sent
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db

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


def headline_of(browser: Browser) -> tuple[str, str]:
    found = browser.get("/admin/").context["headline"]
    return found.colour, found.words


def with_a_loop_and_three_tasks(shop: Client) -> None:
    for slot in ("settle-1", "outbox-1"):
        SettleLoop.objects.create(name=slot, beat_at=Now())
    payment = accepted(shop)
    for kind in ("rejected", "mismatch", "contradiction"):
        OperatorTask.objects.create(payment=payment, kind=kind)


def test_the_first_sentence_names_the_gateway_that_takes_no_charges_before_all_that_waits(
    shop: Client, operator: Browser
) -> None:
    with_a_loop_and_three_tasks(shop)
    waiting = "3 items wait for a person: see Review and Operator tasks."
    assert headline_of(operator) == ("warning", waiting)
    fail("primary")
    colour, words = headline_of(operator)
    at = f"{Circuit.objects.get().opened_at:%H:%M}"
    assert (colour, words) == (
        *("warning",),
        f"primary takes no charges since {at} UTC ({REFUSED} ×5); payments go to secondary. {waiting}",
    )
    fail("secondary")
    colour, words = headline_of(operator)
    assert colour == "danger"
    assert words.startswith(f"No gateway can charge: primary since {at} UTC ({REFUSED} ×5), secondary since ")
    assert words.endswith(waiting)


def test_after_an_outage_the_front_page_says_that_the_gateways_are_tried_again(shop: Client, operator: Browser) -> None:
    fail("primary", reason="read_timeout")
    fail("secondary", reason="read_timeout")
    advance(60)
    with_a_loop_and_three_tasks(shop)
    GatewayHealth.objects.update_or_create(
        gateway="primary", defaults={"due_at": Now(), "checked_at": Now(), "healthy": True}
    )
    assert Board.read(database_now()).admits("primary", "charge")
    said = "primary is being tried again: the next 3 payments are its trial calls."
    colour, words = headline_of(operator)
    assert (colour, words.startswith(said)) == ("warning", True)
    page = text_of(operator, "/admin/")
    assert f"Level in use now: <b>1</b> {said}" in page
    assert "No gateway can charge" not in page
    assert "no gateway can charge" not in page
    assert "last failed " in page
    # The next payment is a trial call indeed.
    accepted(shop, "next", order="next")
    claim(limit=100, because=BECAUSE)
    assert Circuit.objects.get(gateway="primary").trials == 2
    assert "the next payment is its trial call" in headline_of(operator)[1]


def test_back_to_automatic_the_front_page_says_at_once_that_the_gateways_are_tried_again(operator: Browser) -> None:
    for slot in ("settle-1", "outbox-1"):
        SettleLoop.objects.create(name=slot, beat_at=Now())
    for gateway in ("primary", "secondary"):
        circuits.hold_open(gateway, "charge", "anna", "maintenance")
    assert headline_of(operator)[0] == "danger"
    circuits.release("primary", "charge", "anna", "it is over")
    assert headline_of(operator) == (
        *("warning",),
        "primary is being tried again: the next 3 payments are its trial calls.",
    )
    page = text_of(operator, "/admin/payments/circuit/gateway/primary/")
    assert "<dt>Last change</dt><dd>it is over</dd>" in page
    assert "<dt>Why</dt>" not in page


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
