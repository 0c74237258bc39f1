"""Every committed event gets its place once, and no reader by places misses one (requirement D3; invariant 33)."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connection, transaction

from payments.models import Client, Delivery, Event
from payments.services import delivery_parts, endpoints, publish
from tests.payments.conftest import BECAUSE
from tests.payments.services.delivering import endpoint_at, happened

pytestmark = pytest.mark.django_db(transaction=True)
URL = "https://shop.example/"


def positions() -> list[int | None]:
    return list(Event.objects.order_by("happened_at", "sequence").values_list("position", flat=True))


def in_threads(*acts: Callable[[], None]) -> None:
    """Run `acts` at once, each with its own connection; raise what any of them raises."""

    def one(act: Callable[[], None]) -> None:
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        for done in [pool.submit(one, act) for act in acts]:
            done.result()


def test_places_are_given_in_the_order_of_time_and_once(shop: Client) -> None:
    for number in range(3):
        happened(shop, number)
    assert publish.publish() == 3
    assert publish.publish() == 0
    assert positions() == [1, 2, 3]
    happened(shop)
    publish.publish()
    assert positions() == [1, 2, 3, 4]


def test_an_event_of_a_transaction_that_is_rolled_back_is_never_published(shop: Client) -> None:
    endpoint_at(shop, URL)
    with transaction.atomic():
        happened(shop)
        transaction.set_rollback(True)
    assert publish.publish() == 0
    assert (Event.objects.count(), Delivery.objects.count()) == (0, 0)


def test_each_endpoint_that_wants_it_gets_one_delivery(shop: Client) -> None:
    every, chosen = endpoint_at(shop, URL), endpoint_at(shop, URL, "payment.succeeded", "payment.failed")
    endpoint_at(shop, URL, "payment.failed")
    endpoints.disable(endpoint_at(shop, URL), "not wanted", BECAUSE)
    endpoints.delete(endpoint_at(shop, URL), BECAUSE)
    event = happened(shop, payment_id="pay_1", sequence=7)
    publish.publish()
    rows = Delivery.objects.all()
    assert {row.endpoint_id for row in rows} == {every.pk, chosen.pk}
    assert {(row.event_id, row.payment_id, row.sequence, row.state) for row in rows} == {
        (event.pk, "pay_1", 7, "pending")
    }


def test_whoever_fails_in_between_publishes_nothing(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint_at(shop, URL)
    happened(shop)
    with monkeypatch.context() as patch:
        patch.setattr(publish, "_deliveries", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            publish.publish()
    assert (positions(), Delivery.objects.count()) == ([None], 0)
    assert publish.publish() == 1
    assert (positions(), Delivery.objects.count()) == ([1], 1)


def test_two_publishers_at_once_give_each_event_one_place_and_one_delivery(shop: Client) -> None:
    endpoint_at(shop, URL)
    for number in range(60):
        happened(shop, number)

    def publish_all() -> None:
        while publish.anything_due():
            publish.publish()

    in_threads(*[publish_all] * 4)
    assert sorted(Event.objects.values_list("position", flat=True)) == list(range(1, 61))  # type: ignore[type-var]
    assert Delivery.objects.count() == 60


def write(shop: Client, payment: int, number: int) -> None:
    """Write `number` events of one payment, each in a transaction of its own that takes its time to commit."""
    chance = random.Random(payment)
    for sequence in range(1, number + 1):
        with transaction.atomic():
            happened(shop, payment_id=f"pay_{payment}", sequence=sequence)
            if connection.vendor == "postgresql":
                time.sleep(chance.random() * 0.03)


def publish_until(total: int) -> None:
    while Event.objects.filter(position__isnull=False).count() < total:
        publish.publish()
        time.sleep(0.005)


def read_until(total: int, seen: list[str]) -> None:
    """Read by places as a shop does, going on from the last one, until `total` events are seen."""
    place = 0
    while len(seen) < total:
        for event in Event.objects.filter(position__gt=place).order_by("position")[:7]:
            seen.append(event.pk)
            place = event.position or 0
        time.sleep(0.002)


def test_a_reader_by_places_misses_no_event_while_many_transactions_write(shop: Client) -> None:
    """Transactions commit in another order than they began; whoever misses one here never ends."""
    seen: list[str] = []
    writers = [partial(write, shop, payment, 10) for payment in range(6)]
    in_threads(*writers, *[partial(publish_until, 60)] * 2, partial(read_until, 60, seen))
    assert len(seen) == len(set(seen)) == 60
    rows = list(Event.objects.order_by("position").values_list("position", "payment_id", "sequence"))
    assert [place for place, *_ in rows] == list(range(1, 61))
    for payment in range(6):
        assert [sequence for _, of, sequence in rows if of == f"pay_{payment}"] == list(range(1, 11))


def test_an_endpoint_that_is_switched_off_meanwhile_is_left_with_nothing_on_its_way(shop: Client) -> None:
    made = [endpoint_at(shop, URL) for _ in range(6)]
    for number in range(50):
        happened(shop, number)

    def switch_off() -> None:
        for endpoint in made:
            endpoints.disable(endpoint, "moving", BECAUSE)

    def publish_slowly() -> None:
        while publish.publish():
            pass

    in_threads(publish_slowly, switch_off)
    while delivery_parts.anything_due():
        delivery_parts.claim(1, BECAUSE)
    assert not Delivery.objects.filter(state="pending").exists()
