"""The rest of the front page: gateways, loops, the last hours, and the sentence above it all."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.admin.overview import newest
from payments.admin.overview.chart import HEIGHT, chart
from payments.admin.overview.gateways import gateway_rows
from payments.admin.overview.headline import Headline, headline
from payments.admin.overview.ladder import LevelNow
from payments.admin.overview.loops import LoopRow, loop_rows
from payments.admin.overview.queues import QUEUES, Card
from payments.admin.overview.volume import Tally, Volume, volume
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.ids import floor_id
from payments.models import Attempt, Client, SettleLoop
from tests.payments.conftest import accepted, after, sent

pytestmark = pytest.mark.django_db

WELL = LevelNow("1", "success", "check_circle", "primary.")
SECOND = LevelNow("3", "warning", "alt_route", "…", "primary takes no charges; payments go to secondary.")
NONE = LevelNow("4–6", "danger", "error", "…", "No gateway can charge.")
TRIED = LevelNow("1", "warning", "hourglass_top", "…", "primary is being tried again.")
PEOPLE = "1 item waits for a person: see Review and Operator tasks."


def test_a_gateways_attempts_of_today_are_counted_by_outcome(shop: Client) -> None:
    outcomes = [Kind.SUCCEEDED, Kind.SUCCEEDED, Kind.DECLINED, Kind.UNKNOWN, Kind.NOT_SENT, Kind.REJECTED]
    for number, kind in enumerate(outcomes):
        after(sent(shop, f"key-{number}", order=f"order-{number}"), kind)
    sent(shop, "key-sent", order="order-sent")
    rows, is_capped = gateway_rows(database_now())
    assert [(row.name, row.kind) for row in rows] == [("primary", "sandbox"), ("secondary", "sandbox")]
    assert rows[0].counts == {"charged": 2, "declined": 1, "waiting": 1, "unknown": 1, "trouble": 2}
    assert rows[0].last_success.endswith("s ago")
    assert rows[0].last_failure.endswith("s ago")
    # What the first gateway provably did not get is under way at the second.
    assert rows[1].counts == {"charged": 0, "declined": 0, "waiting": 1, "unknown": 0, "trouble": 0}
    assert (rows[1].last_success, is_capped) == ("none today", False)


def test_a_gateway_that_left_the_settings_is_still_shown_with_its_attempts(shop: Client, settings: Any) -> None:
    after(sent(shop), Kind.SUCCEEDED)
    settings.GATEWAYS = settings.GATEWAYS[1:]
    rows, _ = gateway_rows(database_now())
    assert [(row.name, row.kind, row.counts["charged"]) for row in rows] == [
        ("secondary", "sandbox", 0),
        ("primary", "no longer in use", 1),
    ]


def test_a_busy_day_is_counted_up_to_the_cap_of_newest_rows(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newest, "CAP", 2)
    for number in range(3):
        sent(shop, f"key-{number}", order=f"order-{number}")
    rows, is_capped = gateway_rows(database_now())
    assert (rows[0].counts["waiting"], is_capped) == (2, True)
    assert volume(database_now()).week.total == 2


def test_ids_of_an_earlier_time_are_left_out(shop: Client) -> None:
    sent(shop)
    later = database_now() + timedelta(minutes=1)
    found, is_capped = newest.newest_since(Attempt.objects.all(), "att", later)
    assert (found.count(), is_capped) == (0, False)


def test_the_floor_of_a_time_lies_between_the_ids_before_and_after(shop: Client) -> None:
    payment = accepted(shop)
    assert floor_id("pay", payment.created_at - timedelta(seconds=2)) < payment.pk
    assert floor_id("pay", payment.created_at + timedelta(seconds=2)) > payment.pk


@pytest.mark.parametrize(
    ("seconds", "works", "words"),
    [
        (1, True, "working, last sign of life 1 s ago"),
        (20, True, "working, last sign of life 20 s ago"),
        (40, False, "no sign of life for 40 s"),
    ],
)
def test_a_loop_is_said_to_work_or_to_be_silent(seconds: int, works: bool, words: str) -> None:
    now = database_now()
    SettleLoop.objects.create(name="settle-1", beat_at=now - timedelta(seconds=seconds))
    assert loop_rows(now)[0] == LoopRow("settle-1", works, words)


def test_a_loop_that_never_ran_is_said_so() -> None:
    never = "never gave a sign of life"
    assert loop_rows(database_now()) == [LoopRow(name, works=False, words=never) for name in ("settle-1", "outbox-1")]


def test_a_loop_that_sends_does_not_hide_that_nobody_settles() -> None:
    SettleLoop.objects.create(name="outbox-1", beat_at=Now())
    found = headline([card_of(queue.slug, 0) for queue in QUEUES], loop_rows(database_now()), WELL)
    assert found.colour == "danger"
    assert found.words.startswith("No settle loop works")
    assert "Nothing is sent" not in found.words


def test_that_nothing_is_sent_is_said_although_payments_are_settled() -> None:
    SettleLoop.objects.create(name="settle-1", beat_at=Now())
    found = headline([card_of(queue.slug, 0) for queue in QUEUES], loop_rows(database_now()), WELL)
    assert found.colour == "danger"
    assert found.words.startswith("Nothing is sent: shops get no events")


def test_a_slot_that_is_no_longer_wanted_is_shown_only_while_it_beats(settings: Any) -> None:
    settings.SETTLE_LOOPS = 1
    SettleLoop.objects.create(name="settle-2", beat_at=Now())
    SettleLoop.objects.create(name="settle-3", beat_at=Now() - timedelta(minutes=5))
    assert [row.name for row in loop_rows(database_now())] == ["settle-1", "outbox-1", "settle-2"]


def test_payments_are_counted_by_hour_and_by_how_they_ended(shop: Client) -> None:
    after(sent(shop), Kind.SUCCEEDED)
    after(sent(shop, "key-2", order="order-2"), Kind.DECLINED, decline_code="expired_card")
    accepted(shop, "key-3", order="order-3")
    # An hour may have just begun: the payments are in one of the last two.
    found = volume(database_now())
    assert found.day == found.week == Tally(paid=1, failed=1, other=1)
    assert sum(tally.total for _, tally in found.hours[-2:]) == 3
    assert len(found.hours) == 24


def test_what_is_older_than_the_last_hours_counts_for_the_week_alone(shop: Client) -> None:
    accepted(shop)
    found = volume(database_now() + timedelta(days=2))
    assert (found.day.total, found.week.total) == (0, 1)
    assert volume(database_now() + timedelta(days=8)).week.total == 0


@pytest.mark.parametrize(
    ("paid", "failed", "rate"), [(0, 0, "—"), (1, 0, "100.0 %"), (9999, 1, "99.9 %"), (1, 2, "33.3 %"), (0, 5, "0.0 %")]
)
def test_a_success_rate_of_100_means_that_none_failed(paid: int, failed: int, rate: str) -> None:
    assert Tally(paid=paid, failed=failed, other=7).rate == rate


def test_bars_fit_the_drawing_and_a_single_payment_is_seen() -> None:
    noon = database_now()
    drawn = chart(Volume(hours=[(noon, Tally(paid=5000)), (noon, Tally(paid=4999, failed=1)), (noon, Tally())]))
    assert [[(piece.kind, piece.height) for piece in bar.pieces] for bar in drawn.bars] == [
        [("paid", HEIGHT)],
        [("paid", HEIGHT - 1), ("failed", 2)],
        [],
    ]
    assert all(piece.y >= 0 for bar in drawn.bars for piece in bar.pieces)


def card_of(slug: str, count: int) -> Card:
    return Card(next(queue for queue in QUEUES if queue.slug == slug), count, "", [])


@pytest.mark.parametrize(
    ("counts", "works", "colour", "words"),
    [
        ({}, True, "success", "Nothing waits for a person, and payments are being settled."),
        ({"unknown": 2}, True, "success", "Nothing waits for a person. 2 payments are being checked with the gateway."),
        ({"queued": 2}, True, "success", "Nothing waits for a person. 2 payments are to be charged later."),
        ({"to_return": 1}, True, "success", "Nothing waits for a person. 1 charge is still to be given back."),
        (
            *({"unknown": 1, "to_return": 2}, True, "success"),
            "Nothing waits for a person. 1 payment is being checked with the gateway. 2 charges are still",
        ),
        ({"unknown": 2, "review": 1}, True, "warning", "1 item waits for a person: see Review and Operator tasks."),
        ({"review": 2, "open": 3}, True, "warning", "5 items wait for a person: see Review and Operator tasks."),
        ({"stuck": 1, "open": 3}, True, "danger", "1 payment is due for over 2 minutes and not taken up."),
        ({"stuck": 1}, False, "danger", "No settle loop works: payments are accepted and kept, but not settled."),
    ],
)
def test_the_first_sentence_says_the_worst_thing(counts: dict[str, int], works: bool, colour: str, words: str) -> None:
    cards = [card_of(queue.slug, counts.get(queue.slug, 0)) for queue in QUEUES]
    found = headline(cards, [LoopRow("settle-1", works, "")], WELL)
    assert found.colour == colour
    assert found.words.startswith(words)


@pytest.mark.parametrize(
    ("counts", "level", "colour", "icon", "words"),
    [
        ({"stuck": 1}, NONE, "danger", "error", f"{NONE.short} 1 payment is due for over 2 minutes and not taken up."),
        ({"review": 1}, NONE, "danger", "error", f"{NONE.short} {PEOPLE}"),
        (
            {"stuck": 1},
            SECOND,
            "danger",
            "error",
            f"1 payment is due for over 2 minutes and not taken up. {SECOND.short}",
        ),
        ({"review": 1}, SECOND, "warning", "alt_route", f"{SECOND.short} {PEOPLE}"),
        ({}, SECOND, "warning", "alt_route", SECOND.short),
        ({"open": 1}, TRIED, "warning", "hourglass_top", f"{TRIED.short} {PEOPLE}"),
        (
            *({"unknown": 2, "review": 1}, SECOND, "warning", "alt_route"),
            f"{SECOND.short} {PEOPLE} 2 payments are being checked with the gateway.",
        ),
    ],
)
def test_the_worst_comes_first_and_the_rest_is_not_left_out(
    counts: dict[str, int], level: LevelNow, colour: str, icon: str, words: str
) -> None:
    cards = [card_of(queue.slug, counts.get(queue.slug, 0)) for queue in QUEUES]
    assert headline(cards, [LoopRow("settle-1", works=True, words="")], level) == Headline(colour, icon, words)


@pytest.mark.parametrize(
    ("counts", "works", "level", "colour", "words"),
    [
        ({"review": 1}, False, NONE, "danger", "No settle loop works"),
        ({}, False, WELL, "danger", "No settle loop works"),
    ],
)
def test_without_a_settle_loop_nothing_else_comes_first(
    counts: dict[str, int], works: bool, level: LevelNow, colour: str, words: str
) -> None:
    cards = [card_of(queue.slug, counts.get(queue.slug, 0)) for queue in QUEUES]
    found = headline(cards, [LoopRow("settle-1", works, "")], level)
    assert found.colour == colour
    assert found.words.startswith(words)
