"""Events reach shops' endpoints, signed and as often as it takes (requirement D3; H01; invariants 32, 34)."""

import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from standardwebhooks import WebhookVerificationError

from payments.clock import database_now
from payments.models import Client, Delivery, DeliveryTry, Notice, WebhookEndpoint
from payments.services import deliver as deliver_module
from payments.services import deliveries, endpoints, publish
from payments.services.delivery_schedule import MOST_TRIES, WAITS, WHOLE
from tests.payments.conftest import BECAUSE
from tests.payments.gateways.raw import drips, head, raw_server, silent
from tests.payments.services.delivering import deliver, delivery, endpoint, endpoint_at, happened, inbox, reload
from tests.payments.services.shop_inbox import Got, ShopInbox, shop_inbox
from tests.support.virtual_time import advance

__all__ = ["endpoint", "inbox"]
pytestmark = pytest.mark.django_db(transaction=True)
State = Delivery.State


def waits(row: Delivery) -> timedelta:
    assert row.due_at is not None
    return row.due_at - database_now()


def test_an_event_arrives_once_with_the_stored_bytes_and_a_signature(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    event = happened(shop)
    deliver()
    [got] = inbox.got
    assert got.body == event.body.encode()
    assert got.event_id == event.pk
    assert got.verified_by(endpoint.secret)["id"] == event.pk
    assert got.headers["content-type"] == "application/json"
    row = delivery(event, endpoint)
    assert (row.state, row.tries, row.due_at, row.claimed_until, row.note) == (State.DELIVERED, 1, None, None, "")
    assert row.delivered_at is not None
    log = DeliveryTry.objects.get()
    assert (log.http_status, log.trouble, log.url) == (204, "", inbox.url)
    assert log.headers["webhook-id"] == event.pk
    deliver()
    assert len(inbox.got) == 1


def test_both_secrets_sign_until_the_overlap_is_over(shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox) -> None:
    old = endpoint.secret
    new = endpoints.rotate(endpoint, timedelta(hours=1), BECAUSE).secret
    assert new != old
    happened(shop)
    deliver()
    assert inbox.got[0].verified_by(old) == inbox.got[0].verified_by(new)
    advance(3601)
    happened(shop)
    deliver()
    assert inbox.got[1].verified_by(new)
    with pytest.raises(WebhookVerificationError):
        inbox.got[1].verified_by(old)


def test_an_endpoint_gets_the_types_that_it_chose_and_another_shop_nothing(
    shop: Client, inbox: ShopInbox, endpoint: WebhookEndpoint
) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    with shop_inbox() as refunds, shop_inbox() as foreign:
        endpoint_at(shop, refunds.url, "payment.failed")
        endpoint_at(other, foreign.url)
        happened(shop)
        deliver()
        assert (len(inbox.got), refunds.got, foreign.got) == (1, [], [])


@pytest.mark.parametrize("status", [301, 400, 404, 408, 500, 503])
def test_any_other_answer_is_tried_again_by_the_schedule(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, status: int
) -> None:
    inbox.says(status, {"Location": "http://127.0.0.1:1/"}, b"<b>no\x00pe</b> 4242 4242 4242 4242")
    event = happened(shop)
    deliver()
    for tries, wait in enumerate(WAITS, start=1):
        row = delivery(event, endpoint)
        assert (row.state, row.tries) == (State.PENDING, tries)
        assert str(status) in row.note
        assert wait - timedelta(seconds=2) <= waits(row) <= wait * 1.1 + timedelta(seconds=1)
        advance(waits(row).total_seconds() + 0.01)
        deliver()
    assert len(inbox.got) == MOST_TRIES
    assert len({(got.event_id, got.body) for got in inbox.got}) == 1
    assert {log.answer for log in DeliveryTry.objects.all()} == {"<b>nope</b> [number removed]"}


def test_after_the_last_try_the_endpoint_is_switched_off_and_its_owner_and_the_team_are_told(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, settings: Any
) -> None:
    settings.ALERT_EMAILS, settings.ALERT_WEBHOOK = ["team@paysite.test"], ""
    shop.technical_email = "it@shop.test"
    shop.save()
    inbox.says(500)
    event = happened(shop)
    deliver()
    waiting = happened(shop)
    for _ in WAITS:
        advance(WAITS[-1].total_seconds() * 1.2)
        deliver()
    for row in (delivery(event, endpoint), delivery(waiting, endpoint)):
        assert (row.state, row.due_at, row.claimed_until) == (State.FAILED, None, None)
    off = reload(endpoint)
    assert not off.is_enabled
    assert off.disabled_why == "an event could not be delivered for 3 days; last: The endpoint answered 500."
    assert {(row.address, row.kind) for row in Notice.objects.all()} == {
        ("it@shop.test", "endpoint_disabled"),
        ("", "endpoint_disabled"),
    }
    happened(shop)
    before = len(inbox.got)
    advance(WHOLE.total_seconds())
    deliver()
    assert len(inbox.got) == before


def test_gone_switches_the_endpoint_off_at_once(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, settings: Any
) -> None:
    shop.support_email = "help@shop.test"
    shop.save()
    inbox.says(410)
    event = happened(shop)
    deliver()
    assert delivery(event, endpoint).state == State.FAILED
    assert reload(endpoint).disabled_why == "the endpoint answered 410 Gone"
    assert Notice.objects.get(address="help@shop.test").text.startswith(f"The endpoint {inbox.url} of Shop was")
    assert len(inbox.got) == 1


def test_a_redirect_is_not_followed(shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox) -> None:
    with shop_inbox() as elsewhere:
        inbox.says(307, {"Location": elsewhere.url})
        event = happened(shop)
        deliver()
        assert elsewhere.got == []
    assert delivery(event, endpoint).note == "The endpoint answered 307, redirects are not followed."


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured_for_the_whole_endpoint(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, status: int, as_date: bool
) -> None:
    asked = format_datetime(datetime.now(UTC) + timedelta(seconds=900), usegmt=True) if as_date else "900"
    inbox.says(status, {"Retry-After": asked})
    first = happened(shop)
    deliver()
    assert timedelta(seconds=890) < waits(delivery(first, endpoint)) < timedelta(seconds=910)
    inbox.says(204)
    second = happened(shop)
    deliver()
    advance(880)
    deliver()
    assert len(inbox.got) == 1
    advance(25)
    deliver()
    assert {delivery(event, endpoint).state for event in (first, second)} == {State.DELIVERED}


@pytest.mark.parametrize(
    ("asked", "least", "most"), [("9" * 30, 86_390, 86_410), ("-5", 3, 7), ("soon", 3, 7), ("²", 3, 7)]
)
def test_a_retry_after_that_makes_no_sense_is_bounded(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, asked: str, least: int, most: int
) -> None:
    inbox.says(503, {"Retry-After": asked.encode().decode("latin-1")})
    event = happened(shop)
    deliver()
    assert least <= waits(delivery(event, endpoint)).total_seconds() <= most


@pytest.mark.parametrize(
    "behave", [silent, drips(b"", b"H", interval=0.05), drips(head("Content-Length: 100000"), b"x", interval=0.05)]
)
def test_an_endpoint_that_does_not_come_to_an_end_is_given_up_at_the_deadline(
    shop: Client, monkeypatch: pytest.MonkeyPatch, behave: Any
) -> None:
    monkeypatch.setattr(deliver_module, "DEADLINE", 0.5)
    with raw_server(behave) as server:
        slow = endpoint_at(shop, f"{server.url}/")
        event = happened(shop)
        begun = time.monotonic()
        deliver()
        assert time.monotonic() - begun < 3
    row = delivery(event, slow)
    assert (row.state, row.note) == (State.PENDING, "No whole answer within 15 seconds.")
    assert DeliveryTry.objects.get().http_status is None


def test_of_a_huge_answer_little_is_read_and_less_is_kept(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    inbox.says(200, body=b"x" * 10_000_000)
    event = happened(shop)
    deliver()
    assert delivery(event, endpoint).state == State.DELIVERED
    assert DeliveryTry.objects.get().answer == "x" * 1000


def test_nothing_listens_and_the_log_says_so(shop: Client) -> None:
    nowhere = endpoint_at(shop, "http://127.0.0.1:9999/")
    event = happened(shop)
    deliver()
    assert delivery(event, nowhere).note == "The connection was refused."


def test_outside_the_demo_nothing_goes_to_this_machine(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox, settings: Any
) -> None:
    settings.DEMO = False
    event = happened(shop)
    deliver()
    assert inbox.got == []
    row = delivery(event, endpoint)
    assert (row.state, row.note) == (
        State.PENDING,
        "The host name leads to an address that is not on the public internet.",
    )


def test_a_changed_body_does_not_verify(shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox) -> None:
    happened(shop)
    deliver()
    got: Got = inbox.got[0]
    with pytest.raises(WebhookVerificationError):
        Got(got.headers, got.body + b" ").verified_by(endpoint.secret)


@pytest.mark.parametrize("url", ["https://[v1.x]/events", "https://[2606:4700::1111];x"])
def test_an_address_that_cannot_be_called_is_a_try_in_the_log_and_the_schedule_goes_on(
    shop: Client, endpoint: WebhookEndpoint, url: str
) -> None:
    WebhookEndpoint.objects.update(url=url)
    event = happened(shop)
    deliver()
    row = delivery(event, endpoint)
    assert (row.state, row.tries, row.note) == (State.PENDING, 1, "The address cannot be called.")
    assert timedelta(seconds=3) < waits(row) < timedelta(seconds=7)
    assert DeliveryTry.objects.get().trouble == "The address cannot be called."
    assert reload(endpoint).failing_since is not None


def test_what_cannot_be_signed_is_a_try_in_the_log(shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox) -> None:
    WebhookEndpoint.objects.update(secret="whsec_?")
    event = happened(shop)
    deliver()
    assert inbox.got == []
    assert delivery(event, endpoint).note == "The event could not be sent, for a reason of ours."
    assert DeliveryTry.objects.get().trouble == "The event could not be sent, for a reason of ours."


def test_tries_are_not_counted_beyond_what_their_column_holds(
    shop: Client, endpoint: WebhookEndpoint, inbox: ShopInbox
) -> None:
    event = happened(shop)
    publish.publish()
    Delivery.objects.update(tries=deliveries.MOST_COUNTED)
    assert len(deliveries.claim(10, BECAUSE)) == 1
    assert delivery(event, endpoint).tries == deliveries.MOST_COUNTED == 32_000
