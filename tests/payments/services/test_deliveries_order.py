"""Events of a payment arrive in their order, and everything goes at once after an outage (requirement D3)."""

import json

import pytest

from payments.models import Client, Delivery, WebhookEndpoint
from tests.payments.services.delivering import deliver, delivery, endpoint, happened, inbox, reload
from tests.payments.services.shop_inbox import Say, ShopInbox
from tests.support.virtual_time import advance

__all__ = ["endpoint", "inbox"]
pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


def test_a_later_event_of_a_payment_waits_for_an_earlier_one(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    first, second, third = (happened(shop, payment_id="pay_1", sequence=number) for number in (1, 2, 3))
    other = happened(shop, payment_id="pay_2", sequence=1)
    inbox.answer = lambda got: Say(500 if got.event_id == first.pk else 204)
    deliver()
    advance(1.5)
    deliver()
    assert set(inbox.ids) == {first.pk, other.pk}
    inbox.says(204)
    advance(6)
    deliver()
    assert inbox.ids[2:] == [first.pk, second.pk, third.pk]


def test_after_three_tries_later_events_go_before_it(shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox) -> None:
    first, _ = (happened(shop, payment_id="pay_1", sequence=number) for number in (1, 2))
    inbox.answer = lambda got: Say(500 if got.event_id == first.pk else 204)
    deliver()
    for _ in range(2):
        advance(400)
        deliver()
    assert inbox.ids == [first.pk] * 3
    advance(400)
    deliver()
    # As the endpoint takes events again, the first one is tried once more at once.
    assert [json.loads(got.body)["sequence"] for got in inbox.got] == [1, 1, 1, 2, 1]


def test_many_events_of_one_payment_arrive_in_their_order(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    for number in range(1, 51):
        happened(shop, payment_id=f"pay_{number % 5}", sequence=number // 5 + 1)
    deliver()
    rows = {row.event_id: row for row in Delivery.objects.all()}
    for payment in range(5):
        order = [rows[each].sequence for each in inbox.ids if rows[each].payment_id == f"pay_{payment}"]
        assert order == sorted(order)
        assert len(order) == 10


def test_after_an_outage_everything_that_waits_goes_at_once(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    inbox.says(500)
    events = [happened(shop, number) for number in range(30)]
    deliver()
    assert reload(endpoint).failing_since is not None
    for _ in range(20):
        advance(90)
        deliver()
    assert Delivery.objects.filter(state=State.PENDING).count() == 30
    inbox.says(204)
    inbox.got.clear()
    advance(90)
    deliver()
    assert sorted(inbox.ids) == sorted(event.pk for event in events)
    assert reload(endpoint).failing_since is None


def test_one_event_that_is_refused_holds_up_no_other_and_keeps_to_its_schedule(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    refused = happened(shop)
    inbox.answer = lambda got: Say(500 if got.event_id == refused.pk else 204)
    deliver()
    others = [happened(shop) for _ in range(20)]
    advance(2)
    deliver()
    assert set(inbox.ids[1:]) == {event.pk for event in others}
    assert reload(endpoint).failing_since is None
    assert delivery(refused, endpoint).tries == 1
