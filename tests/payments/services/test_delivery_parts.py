"""A long queue is failed or let go in parts, and nothing of it is left behind (requirements D3, G7)."""

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.models import Client, Delivery, Event, WebhookEndpoint
from payments.services import deliveries, delivery_parts, endpoints, publish
from tests.payments.conftest import BECAUSE
from tests.payments.services.delivering import deliver, endpoint, happened, inbox, reload
from tests.payments.services.shop_inbox import ShopInbox

__all__ = ["endpoint", "inbox"]
pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


@pytest.fixture(autouse=True)
def _parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery_parts, "PART", 2)
    monkeypatch.setattr(delivery_parts, "_recovered", {})


def queue_of(shop: Client, number: int) -> list[Event]:
    events = [happened(shop, each) for each in range(number)]
    publish.publish()
    return events


def count(state: Delivery.State) -> int:
    return Delivery.objects.filter(state=state).count()


def turn() -> None:
    delivery_parts.claim(1, BECAUSE)


def test_a_long_queue_becomes_failed_in_parts_and_nothing_of_it_is_sent(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    queue_of(shop, 5)
    endpoints.disable(endpoint, "moving", BECAUSE)
    assert (count(State.FAILED), count(State.PENDING)) == (2, 3)
    assert deliveries.claim(10, BECAUSE) == []
    turn()
    assert (count(State.FAILED), count(State.PENDING)) == (4, 1)
    deliver()
    assert set(Delivery.objects.values_list("state", "note", "due_at")) == {
        (State.FAILED, "The endpoint was switched off: moving", None)
    }
    assert inbox.got == []
    assert not delivery_parts.anything_due()


def test_what_was_published_at_the_moment_of_switching_off_becomes_failed(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    queue_of(shop, 1)
    WebhookEndpoint.objects.update(is_enabled=False, disabled_why="moving")
    deliver()
    assert (count(State.FAILED), inbox.got) == (1, [])


def test_an_answer_to_what_is_not_failed_yet_changes_nothing_of_an_endpoint_that_is_off(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    queue_of(shop, 5)
    inbox.says(500)
    writes = [ask() for ask in deliveries.claim(5, BECAUSE)]
    endpoints.disable(endpoint, "moving", BECAUSE)
    writes[0]()
    off = reload(endpoint)
    assert (off.is_enabled, off.failing_since, off.disabled_why) == (False, None, "moving")
    assert count(State.FAILED) == 5


def test_an_endpoint_that_is_on_again_gets_what_had_not_become_failed(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    queue_of(shop, 5)
    endpoints.disable(endpoint, "moving", BECAUSE)
    endpoints.enable(endpoint, BECAUSE)
    deliver()
    assert (count(State.FAILED), count(State.DELIVERED), len(inbox.got)) == (2, 3, 3)


def after_an_outage(shop: Client, endpoint: WebhookEndpoint, number: int) -> None:
    """Let one event arrive at an endpoint that took nothing for a minute, while `number` others wait for hours."""
    queue_of(shop, number)
    Delivery.objects.update(due_at=Now() + timedelta(hours=2), tries=4, claimed_until=Now())
    WebhookEndpoint.objects.update(failing_since=Now() - timedelta(minutes=1))
    queue_of(shop, 1)
    Delivery.objects.filter(tries=4).update(claimed_until=None)
    [ask] = deliveries.claim(1, BECAUSE)
    ask()()
    assert reload(endpoint).failing_since is None


def waiting() -> int:
    return Delivery.objects.filter(state=State.PENDING, due_at__gt=Now()).count()


def test_after_an_outage_a_long_queue_is_let_go_in_parts(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    after_an_outage(shop, endpoint, 5)
    assert waiting() == 3
    turn()
    assert waiting() == 1
    deliver()
    assert (count(State.DELIVERED), len(inbox.got)) == (6, 6)
    assert not delivery_parts.anything_due()


def test_while_it_fails_again_no_more_is_let_go_and_nobody_turns_in_circles(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    after_an_outage(shop, endpoint, 5)
    WebhookEndpoint.objects.update(failing_since=Now())
    assert not delivery_parts.anything_due()
    turn()
    assert waiting() == 3
    WebhookEndpoint.objects.update(failing_since=None)
    assert delivery_parts.anything_due()
    turn()
    turn()
    assert waiting() == 0
