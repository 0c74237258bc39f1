"""What tests of deliveries share: endpoints, events, a shop that gets them, and a loop that delivers."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from payments import events
from payments.clock import database_now
from payments.ids import floor_id
from payments.models import Client, Delivery, Event, WebhookEndpoint
from payments.services import deliveries, delivery_parts, endpoints, publish
from payments.services.outbox import Outbox
from tests.payments.conftest import BECAUSE
from tests.payments.services.shop_inbox import ShopInbox, shop_inbox


@pytest.fixture
def inbox() -> Iterator[ShopInbox]:
    with shop_inbox() as found:
        yield found


@pytest.fixture
def endpoint(shop: Client, inbox: ShopInbox) -> WebhookEndpoint:
    return endpoint_at(shop, inbox.url)


def endpoint_at(shop: Client, url: str, *types: str) -> WebhookEndpoint:
    return endpoints.create(shop.pk, url, list(types), "", BECAUSE)


def happened(
    shop: Client, number: int = 1, *, payment_id: str = "", sequence: int = 0, ago: timedelta = timedelta()
) -> Event:
    """Return an event that is committed and not yet published: of the payment `payment_id`, or of none."""
    at, data = database_now() - ago, {"number": number}
    event = events._event(shop.pk, "payment.succeeded", at, data, payment_id=payment_id, sequence=sequence)
    if ago:
        event.pk = floor_id("evt", at)[:-6] + event.pk[-6:]
    event.save(force_insert=True)
    return event


def deliver(threads: int = 16) -> None:
    """Publish and deliver until nothing is due."""
    outbox = Outbox(BECAUSE, [publish, deliveries, delivery_parts], threads=threads)
    outbox.drain()
    outbox.finish()


def delivery(event: Event, endpoint: WebhookEndpoint) -> Delivery:
    return Delivery.objects.get(event=event, endpoint=endpoint)


def reload(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return WebhookEndpoint.objects.get(pk=endpoint.pk)
