"""Who sends events waits for no lock that it does not need, and nobody for each other (requirements D3, G7)."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet

from payments.models import Client, Delivery, Event, WebhookEndpoint
from payments.services import deliveries, publish
from payments.services.redeliver import redeliver
from tests.payments.conftest import BECAUSE
from tests.payments.services.delivering import endpoint, endpoint_at, happened, inbox

__all__ = ["endpoint", "inbox"]
pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://shop.example/"


@pytest.fixture
def row_locks() -> None:
    if connection.vendor == "sqlite":
        pytest.skip("the embedded database has one lock for everything")


def elsewhere(act: Callable[[], Any]) -> Any:
    """Run `act` with a connection of its own; raise what it raises."""
    try:
        return act()
    finally:
        connection.close()


@contextmanager
def held(rows: "QuerySet[Any]", then: Callable[[], Any] = lambda: None) -> Iterator[threading.Event]:
    """Hold the locks of `rows` in another transaction until the block ends or the yielded event is set; do `then`."""
    holding, enough = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            assert list(rows.select_for_update(no_key=True))
            holding.set()
            enough.wait(20)
            then()

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(elsewhere, hold)
        assert holding.wait(5)
        try:
            yield enough
        finally:
            enough.set()
            done.result()


def test_publishing_waits_for_nobody_who_works_on_an_endpoint(row_locks: None, shop: Client) -> None:
    endpoint_at(shop, URL)
    happened(shop)
    with held(WebhookEndpoint.objects.all()), ThreadPoolExecutor(1) as pool:
        assert pool.submit(elsewhere, publish.publish).result(timeout=5) == 1
    assert Delivery.objects.count() == 1


def test_writing_what_was_answered_waits_for_nobody_who_works_on_the_shop(
    row_locks: None, shop: Client, endpoint: WebhookEndpoint
) -> None:
    """Two workers that each locked the shops, too, would have waited for each other."""
    happened(shop)
    publish.publish()
    [ask] = deliveries.claim(10, BECAUSE)
    write = ask()
    with held(Client.objects.all()), ThreadPoolExecutor(1) as pool:
        pool.submit(elsewhere, write).result(timeout=5)
    assert Delivery.objects.get().state == "delivered"


def test_what_is_dropped_at_this_moment_is_not_delivered_again(row_locks: None, shop: Client) -> None:
    made = endpoint_at(shop, URL)
    dropped, kept = (happened(shop, ago=timedelta(days=1)) for _ in range(2))
    publish.publish()
    Delivery.objects.filter(event=dropped).delete()

    def drop() -> None:
        Event.objects.filter(pk=dropped.pk).delete()

    with held(Event.objects.filter(pk=dropped.pk), drop) as enough, ThreadPoolExecutor(1) as pool:
        again = pool.submit(elsewhere, lambda: redeliver(made, BECAUSE))
        _until_somebody_waits()
        enough.set()
        assert again.result(timeout=5) == 1
    assert Delivery.objects.get().event_id == kept.pk


def _until_somebody_waits() -> None:
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return
            cursor.execute("SELECT pg_sleep(0.01)")
    raise AssertionError("nobody waits for the lock")
