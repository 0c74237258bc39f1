"""Events are delivered again: one, a range, all since a moment (requirement D3)."""

from datetime import timedelta
from typing import Any

import pytest

from payments.clock import database_now
from payments.models import Client, Delivery, Event
from payments.services import deliveries, endpoints, publish
from payments.services.redeliver import redeliver
from tests.payments.conftest import BECAUSE
from tests.payments.services.delivering import deliver, delivery, endpoint_at, happened
from tests.payments.services.shop_inbox import shop_inbox

pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


def aged(shop: Client, **age: float) -> Event:
    """Return a published event that happened so long ago."""
    event = happened(shop, ago=timedelta(**age))
    publish.publish()
    return event


def test_one_event_goes_again_with_the_same_id_and_bytes(shop: Client) -> None:
    with shop_inbox() as inbox:
        endpoint = endpoint_at(shop, inbox.url)
        event, other = happened(shop), happened(shop)
        deliver()
        assert redeliver(endpoint, BECAUSE, event_ids=[event.pk, "evt_unknown"]) == 1
        row = delivery(event, endpoint)
        assert (row.state, row.tries, row.delivered_at) == (State.PENDING, 0, None)
        deliver()
        assert sorted(inbox.ids) == sorted([event.pk, event.pk, other.pk])
        assert len({got.body for got in inbox.got}) == 2


def test_an_endpoint_gets_what_happened_before_it_existed_in_the_range_and_of_its_types(shop: Client) -> None:
    old, wanted, new = aged(shop, hours=3), aged(shop, hours=2), aged(shop, hours=1)
    late, picky = (
        endpoint_at(shop, "https://shop.example/"),
        endpoint_at(shop, "https://shop.example/", "surplus.found"),
    )
    now = database_now()
    since, until = now - timedelta(hours=2, minutes=30), now - timedelta(hours=1, minutes=30)
    assert redeliver(late, BECAUSE, since=since, until=until) == 1
    assert redeliver(picky, BECAUSE, since=since) == 0
    assert Delivery.objects.get().event == wanted
    assert redeliver(late, BECAUSE, since=since) == 2
    assert redeliver(late, BECAUSE) == 3
    assert set(Delivery.objects.values_list("event_id", flat=True)) == {old.pk, wanted.pk, new.pk}


def test_only_the_failed_ones(shop: Client) -> None:
    endpoint = endpoint_at(shop, "https://shop.example/")
    failed, fine = happened(shop), happened(shop)
    publish.publish()
    Delivery.objects.filter(event=failed).update(state=State.FAILED, due_at=None, note="no")
    Delivery.objects.filter(event=fine).update(state=State.DELIVERED, due_at=None)
    aged(shop, hours=1)
    Delivery.objects.exclude(event__in=[failed, fine]).delete()
    assert redeliver(endpoint, BECAUSE, only_failed=True) == 1
    assert (delivery(failed, endpoint).state, delivery(fine, endpoint).state) == (State.PENDING, State.DELIVERED)
    assert delivery(failed, endpoint).due_at is not None


def test_what_is_being_sent_is_left_alone_and_another_shops_event_too(shop: Client) -> None:
    endpoint = endpoint_at(shop, "https://shop.example/")
    event = happened(shop)
    publish.publish()
    deliveries.claim(1, BECAUSE)
    foreign = happened(Client.objects.create(slug="other", name="Other", form_secret="x"))
    publish.publish()
    assert redeliver(endpoint, BECAUSE, event_ids=[event.pk, foreign.pk]) == 0
    assert redeliver(endpoint, BECAUSE) == 0
    assert delivery(event, endpoint).tries == 1
    assert Delivery.objects.count() == 1


def test_what_an_endpoint_missed_while_it_was_off_is_delivered_when_asked_for(shop: Client) -> None:
    with shop_inbox() as inbox:
        endpoint = endpoint_at(shop, inbox.url)
        waiting = happened(shop)
        publish.publish()
        endpoints.disable(endpoint, "moving", BECAUSE)
        missed = happened(shop)
        publish.publish()
        endpoints.enable(endpoint, BECAUSE)
        deliver()
        assert inbox.got == []
        assert redeliver(endpoint, BECAUSE, since=database_now() - timedelta(minutes=1)) == 2
        deliver()
        assert sorted(inbox.ids) == sorted([waiting.pk, missed.pk])


def test_what_is_about_to_be_dropped_is_not_begun_with(shop: Client, settings: Any) -> None:
    settings.EVENT_DAYS = 3
    early, late = aged(shop, hours=71, minutes=1), aged(shop, hours=70, minutes=59)
    endpoint = endpoint_at(shop, "https://shop.example/")
    assert redeliver(endpoint, BECAUSE, event_ids=[early.pk]) == 0
    assert redeliver(endpoint, BECAUSE, since=database_now() - timedelta(days=9)) == 1
    assert Delivery.objects.get().event == late
