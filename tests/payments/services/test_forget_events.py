"""What is old and done with is dropped (requirement G7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.models import Client, Delivery, DeliveryTry, Event, GatewayEvent
from payments.services import publish
from payments.services.forget_events import forget_old
from tests.payments.services.delivering import endpoint_at, happened

pytestmark = pytest.mark.django_db
OLD = timedelta(days=31)


@pytest.fixture(autouse=True)
def _thirty_days(settings: Any) -> None:
    settings.EVENT_DAYS = 30


def test_old_events_go_with_their_deliveries_and_log_and_younger_ones_stay(shop: Client) -> None:
    endpoint_at(shop, "https://shop.example/")
    old, last_old, young = (happened(shop, ago=timedelta(days=days)) for days in (32, 31, 29))
    publish.publish()
    Delivery.objects.update(state="delivered", due_at=None)
    for row in Delivery.objects.all():
        DeliveryTry.objects.create(delivery=row, url="https://shop.example/", http_status=200)
    assert forget_old() == 1
    kept = {last_old.pk, young.pk}
    assert old.pk not in kept
    assert {row.pk for row in Event.objects.all()} == kept
    assert set(Delivery.objects.values_list("event_id", flat=True)) == kept
    assert set(DeliveryTry.objects.values_list("delivery__event_id", flat=True)) == kept
    assert forget_old() == 0


def test_each_clients_newest_old_event_stays_as_readers_go_on_from_it(shop: Client) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    for client in (shop, other):
        for days in (40, 35):
            happened(client, ago=timedelta(days=days))
    publish.publish()
    newest = [client.events.order_by("-position")[0].pk for client in (shop, other)]
    assert forget_old() == 2
    assert set(Event.objects.values_list("pk", flat=True)) == set(newest)
    later = happened(shop, ago=OLD)
    publish.publish()
    assert forget_old() == 1
    assert set(Event.objects.values_list("pk", flat=True)) == {later.pk, newest[1]}


def test_what_is_on_its_way_or_not_published_stays_however_old(shop: Client) -> None:
    endpoint_at(shop, "https://shop.example/")
    pending = happened(shop, ago=OLD)
    publish.publish()
    unpublished = happened(shop, ago=OLD)
    assert forget_old() == 0
    assert set(Event.objects.values_list("pk", flat=True)) == {pending.pk, unpublished.pk}


def test_more_than_one_batch(shop: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("payments.services.forget_events._AT_ONCE", 2)
    for _ in range(6):
        happened(shop, ago=OLD)
    publish.publish()
    assert forget_old() == 5


@pytest.mark.parametrize(
    ("state", "kept"), [("applied", 0), ("ignored", 0), ("received", 1), ("parked", 1), ("given_up", 1)]
)
def test_a_gateways_event_goes_when_it_is_done_with(db: None, state: str, kept: int) -> None:
    event = GatewayEvent.objects.create(gateway="primary", event_id="evt_1", body=b"{}", state=state)
    GatewayEvent.objects.create(gateway="primary", event_id="evt_2", body=b"{}", state=state)
    GatewayEvent.objects.filter(pk=event.pk).update(received_at=Now() - OLD)
    forget_old()
    assert GatewayEvent.objects.filter(pk=event.pk).count() == kept
    assert GatewayEvent.objects.filter(event_id="evt_2").exists()
