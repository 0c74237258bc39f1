"""Per gateway: whether it keeps its promise of charging once, by all that was ever seen (requirement C4)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client as Browser

from payments.admin.overview.gateways import gateway_rows
from payments.admin.overview.promises import Promise, promise_of
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, GatewayWatch
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import after, sent

NOW = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
READ = NOW - timedelta(seconds=12)


def watch(**columns: Any) -> GatewayWatch:
    return GatewayWatch(gateway="primary", **columns)


def test_a_gateway_without_a_broken_promise_keeps_it() -> None:
    assert promise_of(watch(answered_at=READ), NOW) == Promise("kept", "list of charges last read 12 s ago")


@pytest.mark.parametrize(
    ("doubles", "lates", "words"),
    [
        (1, 0, "broken: charged twice 1 time, last 4 min ago"),
        (0, 3, "broken: late 3 times, last 4 min ago"),
        (2, 1, "broken: charged twice 2 times, late 1 time, last 4 min ago"),
    ],
)
def test_a_broken_promise_says_how_how_often_and_when_last(doubles: int, lates: int, words: str) -> None:
    broken_at = NOW - timedelta(minutes=4)
    row = watch(answered_at=READ, double_charges=doubles, late_charges=lates, broken_at=broken_at)
    assert promise_of(row, NOW) == Promise(words, "list of charges last read 12 s ago", is_bad=True)


def test_what_nobody_watches_is_not_said_to_be_kept() -> None:
    never = "its list of charges was never read"
    assert promise_of(None, NOW) == Promise("not watched", never, is_blind=True)
    assert promise_of(watch(), NOW) == Promise("not known yet", never, is_blind=True)


def test_a_list_that_cannot_be_read_says_why_and_since_when() -> None:
    expected = (
        "the list of charges could not be read: no answer within the time allowed; list of charges last read 12 s ago"
    )
    assert promise_of(watch(answered_at=READ, trouble="read_timeout"), NOW) == Promise("kept", expected, is_blind=True)
    reading = promise_of(watch(trouble="status_500"), NOW).reading
    assert reading == "the list of charges could not be read: the gateway answered with HTTP status 500; it never could"


@pytest.mark.parametrize(("seconds", "is_blind"), [(60, False), (61, True)])
def test_a_list_that_was_not_read_for_a_minute_is_pointed_out(seconds: int, is_blind: bool) -> None:
    found = promise_of(watch(answered_at=NOW - timedelta(seconds=seconds)), NOW)
    assert (found.words, found.is_blind) == ("kept", is_blind)


@pytest.mark.django_db
def test_a_second_charge_is_on_the_front_page(shop: Client, operator: Browser) -> None:
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.SUCCEEDED, reference="ch_2")
    assert "Promise broken: charged twice 1 time, last " in text_of(operator, "/admin/")


@pytest.mark.django_db
def test_a_broken_promise_stays_after_the_day_and_after_the_gateway_left_the_settings(settings: Any) -> None:
    settings.GATEWAYS = []
    now = database_now()
    broken_at = now - timedelta(days=40)
    GatewayWatch.objects.create(gateway="old", due_at=now, late_charges=1, broken_at=broken_at)
    GatewayWatch.objects.create(gateway="good", due_at=now)
    rows, _ = gateway_rows(now)
    assert [(row.name, row.kind, row.promise.words) for row in rows] == [
        ("old", "no longer in use", "broken: late 1 time, last 40 d ago")
    ]
