"""A worker is killed at any moment of a delivery: the shop gets every event, and one id always with one body (H02)."""

import multiprocessing
import signal

import pytest
from django.db import connections

from payments.crash_points import arm, killer
from payments.models import Client, Delivery, Event
from payments.services import deliveries
from tests.payments.services.delivering import deliver, endpoint_at, happened
from tests.payments.services.shop_inbox import shop_inbox
from tests.support.virtual_time import advance

pytestmark = pytest.mark.django_db(transaction=True)

_fork = multiprocessing.get_context("fork")


def deliver_until(point: str) -> int | None:
    """Deliver in another process that is killed when it reaches `point`; return its exit code."""

    def run() -> None:
        arm(killer(point, 1))
        deliver(threads=4)

    connections.close_all()
    process = _fork.Process(target=run)
    process.start()
    process.join(30)
    return process.exitcode


@pytest.mark.parametrize(
    ("point", "times"),
    [
        ("publish.committing", 1),
        ("publish.committed", 1),
        ("deliver.claimed", 1),
        ("deliver.answered", 2),
        ("deliver.committed", 1),
    ],
)
def test_after_a_kill_the_shop_gets_the_event_and_a_second_time_only_the_same(
    shop: Client, point: str, times: int
) -> None:
    with shop_inbox() as inbox:
        endpoint_at(shop, inbox.url)
        event = happened(shop)
        assert deliver_until(point) == -signal.SIGKILL
        assert not inbox.got or inbox.ids == [event.pk]
        advance(deliveries.LEASE.total_seconds() + 1)
        deliver()
        assert [(got.event_id, got.body) for got in inbox.got] == [(event.pk, event.body.encode())] * times
    assert (Event.objects.get().position, Delivery.objects.get().state) == (1, "delivered")


def test_killed_again_and_again_it_loses_no_event_of_many(shop: Client) -> None:
    with shop_inbox() as inbox:
        endpoint_at(shop, inbox.url)
        events = [
            happened(shop, number, payment_id=f"pay_{number % 10}", sequence=number // 10) for number in range(40)
        ]
        for point in ("deliver.answered", "deliver.committed", "deliver.claimed", "deliver.answered"):
            assert deliver_until(point) == -signal.SIGKILL
            advance(deliveries.LEASE.total_seconds() + 1)
        deliver()
        assert set(inbox.ids) == {event.pk for event in events}
        assert {(got.event_id, got.body) for got in inbox.got} == {(row.pk, row.body.encode()) for row in events}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"delivered"}
