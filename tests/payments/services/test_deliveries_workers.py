"""Workers that die, sleep or come too late, and endpoints that are switched off meanwhile (H02; invariant 34)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.models import Client, Delivery, DeliveryTry, RecoveryRun, WebhookEndpoint
from payments.services import deliver as deliver_module
from payments.services import delivered, deliveries, endpoints, publish
from payments.services.recover import recover
from tests.payments.conftest import BECAUSE
from tests.payments.services.delivering import deliver, delivery, endpoint, happened, inbox, reload
from tests.payments.services.shop_inbox import ShopInbox
from tests.support.virtual_time import advance

__all__ = ["endpoint", "inbox"]
pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


def test_what_is_sent_again_after_a_lease_ended_is_the_same_event(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    """The worker dies after the shop has got it, and before it is written down (H02)."""
    event = happened(shop)
    publish.publish()
    [ask] = deliveries.claim(10, BECAUSE)
    ask()
    while not delivered._brought.empty():
        delivered._brought.get_nowait()  # dies with the worker
    assert delivery(event, endpoint).state == State.PENDING
    assert not deliveries.anything_due()
    advance(deliveries.LEASE.total_seconds() + 1)
    deliver()
    assert [(got.event_id, got.body) for got in inbox.got] == [(event.pk, event.body.encode())] * 2
    assert (delivery(event, endpoint).state, delivery(event, endpoint).tries) == (State.DELIVERED, 2)


def test_a_worker_that_was_paused_sends_nothing_and_loses_no_try(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = happened(shop)
    publish.publish()
    with monkeypatch.context() as patch:
        patch.setattr(deliver_module, "SEND_WITHIN", -1.0)
        [ask] = deliveries.claim(10, BECAUSE)
        ask()()
    assert inbox.got == []
    assert (delivery(event, endpoint).tries, DeliveryTry.objects.count()) == (0, 0)
    deliver()
    assert delivery(event, endpoint).state == State.DELIVERED


def test_a_late_failure_does_not_undo_what_another_worker_delivered(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    event = happened(shop)
    publish.publish()
    inbox.says(500)
    [late] = deliveries.claim(10, BECAUSE)
    write = late()
    answered = delivered._brought.get_nowait()
    inbox.says(204)
    advance(deliveries.LEASE.total_seconds() + 1)
    deliver()
    delivered.bring(answered)
    write()
    assert delivery(event, endpoint).state == State.DELIVERED
    assert reload(endpoint).failing_since is None
    assert DeliveryTry.objects.count() == 2


@pytest.mark.parametrize("off", ["disable", "delete"])
def test_what_is_switched_off_gets_nothing_and_what_was_on_its_way_is_failed(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, off: str
) -> None:
    event = happened(shop)
    publish.publish()
    if off == "disable":
        endpoints.disable(endpoint, "not wanted", BECAUSE)
    else:
        endpoints.delete(endpoint, BECAUSE)
    happened(shop)
    deliver()
    assert inbox.got == []
    row = delivery(event, endpoint)
    assert (row.state, row.due_at) == (State.FAILED, None)
    assert Delivery.objects.count() == 1


def test_what_was_in_flight_when_it_was_switched_off_and_arrived_is_delivered(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    event = happened(shop)
    publish.publish()
    [ask] = deliveries.claim(10, BECAUSE)
    write = ask()
    endpoints.disable(endpoint, "not wanted", BECAUSE)
    write()
    assert delivery(event, endpoint).state == State.DELIVERED
    assert not reload(endpoint).is_enabled


@pytest.mark.parametrize("status", [410, 500])
def test_a_refusal_by_an_address_of_the_past_tells_nothing_of_the_present_one(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, status: int
) -> None:
    event = happened(shop)
    publish.publish()
    inbox.says(status)
    [ask] = deliveries.claim(10, BECAUSE)
    write = ask()
    endpoints.change(endpoint, url=f"{inbox.url}/new", because=BECAUSE)
    write()
    changed = reload(endpoint)
    assert (changed.is_enabled, changed.failing_since) == (True, None)
    row = delivery(event, endpoint)
    assert (row.state, row.tries, row.note) == (State.PENDING, 0, f"The endpoint answered {status}.")
    assert DeliveryTry.objects.get().url == inbox.url
    inbox.says(204)
    deliver()
    assert delivery(event, endpoint).state == State.DELIVERED
    assert DeliveryTry.objects.order_by("-pk")[0].url == f"{inbox.url}/new"


def test_an_address_of_the_past_that_took_an_event_does_not_end_the_trouble_of_the_present_one(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    event = happened(shop)
    publish.publish()
    WebhookEndpoint.objects.update(failing_since=Now() - timedelta(minutes=5))
    [ask] = deliveries.claim(10, BECAUSE)
    write = ask()
    WebhookEndpoint.objects.update(url=f"{inbox.url}/new")
    write()
    assert delivery(event, endpoint).state == State.DELIVERED
    assert reload(endpoint).failing_since is not None


def test_an_answer_about_what_was_dropped_meanwhile_holds_up_no_other(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    gone, kept = happened(shop), happened(shop)
    publish.publish()
    writes = [ask() for ask in deliveries.claim(10, BECAUSE)]
    delivery(gone, endpoint).delete()
    writes[0]()
    assert delivery(kept, endpoint).state == State.DELIVERED
    assert DeliveryTry.objects.count() == 1


def test_one_bad_row_holds_up_no_other(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [happened(shop) for _ in range(3)]
    publish.publish()
    asks = deliveries.claim(10, BECAUSE)
    writes = [ask() for ask in asks]
    whole = delivered.write
    bad = delivery(events[1], endpoint).pk

    def write(answers: list[Any]) -> None:
        if any(each.work.delivery_id == bad for each in answers):
            raise ValueError("bad row")
        whole(answers)

    monkeypatch.setattr(delivered, "write", write)
    writes[0]()
    states = [delivery(event, endpoint).state for event in events]
    assert states == [State.DELIVERED, State.PENDING, State.DELIVERED]


def test_the_sweep_makes_due_what_lost_its_time(shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox) -> None:
    event = happened(shop)
    publish.publish()
    Delivery.objects.update(due_at=None)
    deliver()
    assert inbox.got == []
    run = recover(RecoveryRun.Trigger.SCHEDULE, BECAUSE)
    assert run.repaired["forgottenDeliveries"] == 1
    deliver()
    assert inbox.ids == [event.pk]
    assert recover(RecoveryRun.Trigger.SCHEDULE, BECAUSE).repaired["forgottenDeliveries"] == 0
