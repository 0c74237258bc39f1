"""One dead endpoint delays nobody else, however long its queue is (H03; requirement D3)."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from payments.models import Client, Delivery, DeliveryTry, WebhookEndpoint
from payments.services import deliveries, endpoints, publish
from tests.payments.conftest import BECAUSE
from tests.payments.gateways.raw import raw_server, receive
from tests.payments.services.delivering import deliver, endpoint_at, happened, reload
from tests.payments.services.shop_inbox import Got, Say, shop_inbox
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_healthy_endpoint_gets_hundreds_of_events_while_another_does_not_answer_once(shop: Client) -> None:
    everything = threading.Event()

    def dead(connection: socket.socket) -> None:
        receive(connection)
        everything.wait(14)

    with raw_server(dead) as silent, shop_inbox() as healthy:
        bad, good = endpoint_at(shop, f"{silent.url}/"), endpoint_at(shop, healthy.url)

        def note(_: Got) -> Say:
            if len(set(healthy.ids)) == 300:
                everything.set()
            return Say()

        healthy.answer = note
        for number in range(300):
            happened(shop, number)
        deliver(threads=24)
        assert everything.is_set()
        assert Delivery.objects.filter(endpoint=good, state="delivered", tries=1).count() == 300
    log = DeliveryTry.objects.filter(delivery__endpoint=bad)
    # All that was begun at it waited until the healthy one had everything.
    assert {row.trouble for row in log} == {"The connection was closed without an answer."}
    assert 1 <= log.count() <= deliveries.AT_ONCE + 1


def test_a_failing_endpoint_has_one_try_at_a_time_and_rests_in_between(shop: Client) -> None:
    dead = endpoint_at(shop, "http://127.0.0.1:9999/")
    for number in range(100):
        happened(shop, number)
    deliver()
    tried = Delivery.objects.filter(endpoint=dead, tries__gt=0).count()
    assert tried <= deliveries.AT_ONCE
    assert not deliveries.anything_due()
    advance(1.1)
    deliver()
    assert sum(Delivery.objects.values_list("tries", flat=True)) == tried + 1
    # After an hour of that it is left alone for a minute at a time.
    WebhookEndpoint.objects.update(failing_since=Now() - timedelta(hours=1))
    advance(1.1)
    deliver()
    advance(55)
    deliver()
    assert sum(Delivery.objects.values_list("tries", flat=True)) == tried + 2


def test_however_many_endpoints_are_dead_healthy_ones_come_first(shop: Client, settings: Any) -> None:
    dead = [endpoint_at(shop, f"http://127.0.0.1:{port}/") for port in range(9990, 9998)]
    good = endpoint_at(shop, "http://127.0.0.1:9989/")
    WebhookEndpoint.objects.filter(pk__in=[row.pk for row in dead]).update(failing_since=Now())
    happened(shop)
    publish.publish()
    settings.OUTBOX_THREADS = 8
    deliveries.claim(8, BECAUSE)
    claimed = set(Delivery.objects.filter(tries=1).values_list("endpoint_id", flat=True))
    assert good.pk in claimed
    assert len(claimed) == 3
    assert deliveries.claim(8, BECAUSE) == []


def test_no_more_than_sixteen_are_under_way_at_one_endpoint(shop: Client) -> None:
    endpoint_at(shop, "http://127.0.0.1:9999/")
    for number in range(40):
        happened(shop, number)
    publish.publish()
    assert len(deliveries.claim(64, BECAUSE)) == 16
    assert deliveries.claim(64, BECAUSE) == []
    assert not deliveries.anything_due()
    assert Delivery.objects.filter(tries=1).count() == 16


def test_a_claim_beside_a_hundred_thousand_waiting_rows_of_a_dead_endpoint_is_cheap(shop: Client) -> None:
    dead, good = endpoint_at(shop, "http://127.0.0.1:9999/"), endpoint_at(shop, "http://127.0.0.1:9998/")
    endpoints.disable(good, "later", BECAUSE)
    for number in range(200):
        happened(shop, number)
    publish.publish()
    _multiply_waiting_rows(dead, 100_000)
    WebhookEndpoint.objects.filter(pk=dead.pk).update(failing_since=Now() - timedelta(minutes=5))
    endpoints.enable(good, BECAUSE)
    for number in range(16):
        happened(shop, number)
    publish.publish()
    begun = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        assert len(deliveries.claim(64, BECAUSE)) == 17
    took = time.monotonic() - begun
    assert len(queries) < 25
    assert took < 0.5
    assert reload(dead).failing_since is not None


def _multiply_waiting_rows(endpoint: WebhookEndpoint, number: int) -> None:
    """Give `endpoint` so many more waiting deliveries, of events without a body."""
    events = "payments_event (position, id, client_id, payment_id, sequence, type, body, happened_at)"
    series = (
        f"SELECT n FROM generate_series(1, {number}) AS s(n)"
        if connection.vendor == "postgresql"
        else f"WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {number}) SELECT n FROM s"
    )
    now = "CURRENT_TIMESTAMP"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {events} SELECT 100000 + n, 'evt_bulk_' || n, {endpoint.client_id}, '', 0, 'x', '', {now} "
            f"FROM ({series}) AS numbers"
        )
        cursor.execute(
            "INSERT INTO payments_delivery (event_id, endpoint_id, payment_id, sequence, state, note, tries, fence, "
            f"due_at, created_at) SELECT id, '{endpoint.pk}', '', 0, 'pending', '', 0, 0, {now}, {now} "
            "FROM payments_event WHERE id LIKE 'evt_bulk_%%'"
        )
        if connection.vendor == "postgresql":
            cursor.execute("ANALYZE payments_delivery")


def test_two_workers_at_once_send_each_event_once(shop: Client) -> None:
    with shop_inbox() as one, shop_inbox() as two:
        endpoint_at(shop, one.url)
        endpoint_at(shop, two.url)
        for number in range(120):
            happened(shop, number, payment_id=f"pay_{number % 40}", sequence=number // 40 + 1)

        def work() -> None:
            try:
                deliver(threads=8)
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            for done in [pool.submit(work) for _ in range(2)]:
                done.result()
        assert [len(inbox.ids) for inbox in (one, two)] == [120, 120]
        assert [len(set(inbox.ids)) for inbox in (one, two)] == [120, 120]
    assert set(Delivery.objects.values_list("state", "tries")) == {("delivered", 1)}
