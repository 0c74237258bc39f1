"""What is counted for each endpoint, and why a failing one fails: truthfully and cheaply (G7)."""

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.admin.webhook_endpoint import day, trouble
from payments.clock import database_now
from payments.models import Client, Delivery, DeliveryTry, Event, WebhookEndpoint
from tests.payments.admin.conftest import text_of

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/webhookendpoint/"
URL = "https://93.184.215.14/events"


def endpoint_of(shop: Client, name: str, **values: Any) -> WebhookEndpoint:
    made = WebhookEndpoint.objects.create(client=shop, url=f"{URL}/{name}", secret="whsec_x", **values)
    return WebhookEndpoint.objects.get(pk=made.pk)


def deliveries(endpoint: WebhookEndpoint, count: int, **values: Any) -> list[Delivery]:
    """Return so many deliveries, oldest first, due in this order."""
    made = []
    for _ in range(count):
        event = Event.objects.create(client=endpoint.client, type="payment.succeeded", body="{}")
        made.append(Delivery.objects.create(event=event, endpoint=endpoint, **values))
    return made


def words_of(*endpoints: WebhookEndpoint) -> list[str]:
    return list(day.last_days(endpoints, database_now()).values())


def tried(delivery: Delivery, at: datetime, words: str, status: int | None = None, answer: str = "") -> None:
    """Note a try that failed at that time, and the next one for later, as payments/services/delivered.py does."""
    DeliveryTry.objects.create(
        delivery=delivery, url=URL, http_status=status, answer=answer, trouble="" if status else words, at=at
    )
    DeliveryTry.objects.filter(delivery=delivery).update(at=at)
    rest = at + timedelta(minutes=1)
    Delivery.objects.filter(pk=delivery.pk).update(
        tries=F("tries") + 1, note=words, claimed_until=rest, due_at=rest + timedelta(minutes=4)
    )


def test_a_busy_endpoint_hides_no_other_one(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "MOST", 3)
    quiet, exact, busy, idle = (endpoint_of(shop, name) for name in ("quiet", "exact", "busy", "idle"))
    deliveries(quiet, 1, state="delivered", due_at=None)
    deliveries(quiet, 1, state="failed", due_at=None)
    deliveries(exact, 3, state="delivered", due_at=None)
    deliveries(busy, 2)
    deliveries(busy, 5, state="delivered", due_at=None)
    mixed = endpoint_of(shop, "mixed")
    deliveries(mixed, 2)
    deliveries(mixed, 3, state="delivered", due_at=None)
    assert words_of(quiet, exact, busy, mixed, idle) == [
        *("1 delivered, 1 not", "3 delivered", "over 3 delivered"),
        *("over 3 events, of the newest: 3 delivered, 1 on the way", "no new events"),
    ]


def test_only_the_last_day_counts_whatever_came_before(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "MOST", 3)
    endpoint = endpoint_of(shop, "old")
    old = deliveries(endpoint, 5, state="delivered", due_at=None)
    Delivery.objects.filter(pk__in=[row.pk for row in old]).update(created_at=Now() - timedelta(hours=25))
    assert words_of(endpoint) == ["no new events"]
    deliveries(endpoint, 2)
    assert words_of(endpoint) == ["0 delivered, 2 on the way"]


def test_thousands_are_counted_exactly_with_two_statements(shop: Client, django_assert_num_queries: Any) -> None:
    endpoints = [endpoint_of(shop, str(number)) for number in range(3)]
    events = Event.objects.bulk_create(
        Event(client=shop, type="payment.succeeded", body="{}", position=number) for number in range(1290)
    )
    Delivery.objects.bulk_create(
        Delivery(event=event, endpoint=endpoint, state="delivered", due_at=None)
        for event in events
        for endpoint in endpoints[:2]
    )
    now = database_now()
    with django_assert_num_queries(2):
        found = day.last_days(endpoints, now)
    assert list(found.values()) == ["1,290 delivered", "1,290 delivered", "no new events"]


def test_a_failing_endpoint_shows_first_why_and_since_when_and_how_many_wait(shop: Client, operator: Browser) -> None:
    endpoint = endpoint_of(shop, "slow", failing_since=Now() - timedelta(minutes=12, seconds=30))
    head, second, *_ = deliveries(endpoint, 30, created_at=Now() - timedelta(minutes=13))
    now = database_now()
    tried(head, now - timedelta(minutes=9), "The endpoint answered 503.", status=503)
    tried(second, now - timedelta(minutes=3), "No whole answer within 15 seconds.")
    page = text_of(operator, f"{LIST}{endpoint.pk}/change/")
    panel = page.partition('aria-labelledby="trouble"')[2].partition("</section>")[0]
    assert re.search(r"No whole answer within 15 seconds, 3 min( \d s)? ago", panel)
    assert re.search(r"for 12 min \d+ s, since 20", panel)
    assert "<dd>30, the oldest is tried first" in panel
    assert f"/admin/payments/delivery/{second.pk}/change/" in panel
    assert page.index('aria-labelledby="trouble"') < page.index('aria-labelledby="deliveries"')
    assert "No whole answer within 15 seconds." in text_of(operator, LIST)


def test_what_the_endpoint_answered_is_shown_and_escaped(shop: Client, operator: Browser) -> None:
    endpoint = endpoint_of(shop, "broken", failing_since=Now())
    row = deliveries(endpoint, 1)[0]
    tried(row, database_now(), "The endpoint answered 500.", status=500, answer="<script>alert(1)</script> boom")
    page = text_of(operator, f"{LIST}{endpoint.pk}/change/")
    assert "The endpoint answered 500, " in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; boom" in page
    assert "<script>alert(1)" not in page + text_of(operator, LIST)


def test_a_try_that_went_well_before_the_event_was_delivered_again_is_not_the_trouble(shop: Client) -> None:
    endpoint = endpoint_of(shop, "again", failing_since=Now())
    row = deliveries(endpoint, 1, tries=1)[0]
    DeliveryTry.objects.create(delivery=row, url=URL, http_status=200)
    found = trouble.trouble_of(endpoint, database_now())
    assert found is not None
    assert (found.words, found.waiting) == ("not known: it waits for its next try", "1")


def test_more_waiting_ones_than_are_counted_are_told_as_more(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trouble, "MOST", 3)
    endpoint = endpoint_of(shop, "long", failing_since=Now())
    deliveries(endpoint, 4)
    found = trouble.trouble_of(endpoint, database_now())
    assert found is not None
    assert found.waiting == "over 3"


def test_an_endpoint_that_works_or_is_off_has_no_trouble_to_show(shop: Client, operator: Browser) -> None:
    for name, values in {"well": {}, "off": {"is_enabled": False, "disabled_at": Now()}}.items():
        endpoint = endpoint_of(shop, name, **values)
        tried(deliveries(endpoint, 1)[0], database_now(), "The endpoint answered 500.", status=500)
        assert 'aria-labelledby="trouble"' not in text_of(operator, f"{LIST}{endpoint.pk}/change/")
    assert "answered 500" not in text_of(operator, LIST)


def test_the_trouble_of_all_failing_ones_takes_one_statement(shop: Client, django_assert_num_queries: Any) -> None:
    endpoints = [endpoint_of(shop, str(number), failing_since=Now()) for number in range(3)]
    for number, endpoint in enumerate(endpoints[:2]):
        first, last, _ = deliveries(endpoint, 3)
        tried(first, database_now() - timedelta(minutes=5), "old")
        tried(last, database_now(), f"trouble {number}")
    with django_assert_num_queries(1):
        found = trouble.last_notes(endpoints)
    assert [found[endpoint.pk] for endpoint in endpoints] == ["trouble 0", "trouble 1", ""]
    well = endpoint_of(shop, "well")
    with django_assert_num_queries(0):
        assert trouble.last_notes([well]) == {}


def test_ids_and_addresses_keep_their_small_letters_in_the_breadcrumbs(shop: Client, operator: Browser) -> None:
    endpoint = endpoint_of(shop, "x")
    page = re.sub(r"\s+", " ", text_of(operator, f"{LIST}{endpoint.pk}/change/"))
    assert f"> {endpoint.url} </" in page
    assert "Https://" not in page
    assert "> Webhook endpoints </" in page
