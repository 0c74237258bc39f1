"""The log of deliveries in the console: every try as it was, nothing of it believed, and sending again (G4, G7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client as Browser
from django.utils.html import escape

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.ids import floor_id
from payments.models import Client, Delivery, DeliveryTry, Event, WebhookEndpoint
from payments.services.publish import publish
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/delivery/"
EVIL = '<script>alert("x")</script><img src=x onerror=alert(1)>'


@pytest.fixture
def endpoint(shop: Client) -> WebhookEndpoint:
    return WebhookEndpoint.objects.create(client=shop, url="https://shop.test/events", secret="whsec_secret")


@pytest.fixture
def deliveries(shop: Client, endpoint: WebhookEndpoint) -> list[Delivery]:
    """Two, of one payment: both failed."""
    after(sent(shop), Kind.SUCCEEDED)
    publish()
    Delivery.objects.update(state="failed", due_at=None, note="HTTP 500")
    return list(Delivery.objects.order_by("pk"))


def page_of(delivery: Delivery) -> str:
    return f"{LIST}{delivery.pk}/change/"


def states() -> list[str]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


def test_the_page_shows_every_try_and_what_is_sent(deliveries: list[Delivery], viewer: Browser) -> None:
    delivery = deliveries[1]
    headers = {"webhook-id": delivery.event_id, "webhook-signature": "v1,abc="}
    DeliveryTry.objects.create(
        delivery=delivery, url="https://shop.test/old", headers=headers, http_status=500, answer="Oops", milliseconds=77
    )
    DeliveryTry.objects.create(delivery=delivery, url="https://shop.test/events", trouble="no answer in time")
    page = text_of(viewer, page_of(delivery))
    for text in ("HTTP 500 · 77 ms", "Oops", "v1,abc=", "https://shop.test/old", "no answer in time"):
        assert text in page
    assert page.index("no answer in time") < page.index("Oops")
    # The body with every digit of the amount, line by line.
    assert escape('"amount": 12.50,') in page
    assert escape('"type": "payment.succeeded",') in page


def test_what_an_endpoint_answers_is_text_and_nothing_else(deliveries: list[Delivery], operator: Browser) -> None:
    delivery = deliveries[0]
    Delivery.objects.filter(pk=delivery.pk).update(note=EVIL)
    DeliveryTry.objects.create(
        delivery=delivery, url=f"https://shop.test/{EVIL}", headers={EVIL: EVIL}, answer=EVIL, trouble=EVIL
    )
    body = '{"data":{"metadata":{"note":"<script>alert(1)</script>"}}}'
    event = Event.objects.create(client_id=delivery.endpoint.client_id, type="payment.failed", body=body)
    Delivery.objects.filter(pk=delivery.pk).update(event=event)
    urls = (LIST, page_of(delivery), f"/admin/payments/event/{event.pk}/change/")
    for url in (*urls, f"/admin/payments/webhookendpoint/{delivery.endpoint_id}/change/"):
        page = text_of(operator, url)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
    assert text_of(operator, page_of(delivery)).count(escape(EVIL)) >= 5


def test_the_list_is_filtered_and_searched(shop: Client, deliveries: list[Delivery], operator: Browser) -> None:
    other = WebhookEndpoint.objects.create(client=shop, url="https://shop.test/second", secret="whsec_x")
    after(sent(shop, "key-2", order="order-2"), Kind.SUCCEEDED)
    publish()
    assert Delivery.objects.count() == 6
    first = deliveries[0]

    def found(query: str) -> int:
        return int(operator.get(f"{LIST}?{query}").context["cl"].result_count)

    assert found("state__exact=failed") == 2
    assert found(f"endpoint__id__exact={other.pk}") == 2
    assert found("type=payment.succeeded") == 3
    assert found("queue=failed_deliveries") == 2
    assert found(f"q={first.payment_id}") == 2
    assert found(f"q={first.event_id}") == 1
    assert found("q=nobody") == 0


def test_chosen_ones_are_delivered_again_after_confirmation(deliveries: list[Delivery], operator: Browser) -> None:
    data = {"action": "send_again", "_selected_action": [str(row.pk) for row in deliveries], "index": "0"}
    url = operator.post(LIST, data)["Location"]
    assert url == f"{LIST}again/?chosen={deliveries[0].pk},{deliveries[1].pk}"
    assert "2 events are sent once more" in text_of(operator, url)
    operator.post(url, {"reason": " "})
    assert states() == ["failed", "failed"]
    assert operator.post(url, {"reason": "shop is back"})["Location"] == LIST
    assert states() == ["pending", "pending"]
    notes = list(LogEntry.objects.values_list("change_message", "user__username"))
    assert notes == [("Deliver again: shop is back", "anna")] * 2


def test_to_a_disabled_endpoint_nothing_is_delivered_again(deliveries: list[Delivery], operator: Browser) -> None:
    WebhookEndpoint.objects.update(is_enabled=False)
    url = f"{LIST}again/?chosen={deliveries[0].pk}"
    assert "This cannot be done now" in text_of(operator, url)
    operator.post(url, {"reason": "shop is back"})
    assert (states(), LogEntry.objects.count()) == (["failed", "failed"], 0)


def test_a_viewer_reads_and_delivers_nothing(deliveries: list[Delivery], viewer: Browser) -> None:
    url = f"{LIST}again/?chosen={deliveries[0].pk}"
    assert "/again/" not in text_of(viewer, page_of(deliveries[0]))
    assert "send_again" not in text_of(viewer, LIST)
    data = {"action": "send_again", "_selected_action": [str(deliveries[0].pk)], "index": "0"}
    assert viewer.post(LIST, data).status_code in {200, 302, 403}
    assert viewer.get(url).status_code == viewer.post(url, {"reason": "x"}).status_code == 403
    assert states() == ["failed", "failed"]


@pytest.mark.parametrize("path", ["again/", "again/?chosen=x", "again/?chosen=99999", "x/change/", "999/change/"])
def test_a_delivery_that_does_not_exist_is_not_found(operator: Browser, path: str) -> None:
    assert operator.get(f"{LIST}{path}").status_code == 404


def test_the_front_page_counts_what_was_not_delivered_in_the_last_day(
    shop: Client, deliveries: list[Delivery], operator: Browser
) -> None:
    def card() -> str:
        return text_of(operator, "/admin/").partition('data-queue="failed_deliveries"')[2].partition("</a>")[0]

    assert '<span class="console-card-count">2</span>' in card()
    assert "Oldest: " in card()
    Delivery.objects.filter(pk=deliveries[0].pk).update(state="delivered")
    assert '<span class="console-card-count">1</span>' in card()
    # An event's id tells when it was made.
    old = Event.objects.create(
        id=floor_id("evt", database_now() - timedelta(hours=25)), client=shop, type="x", body="{}"
    )
    Delivery.objects.filter(pk=deliveries[1].pk).update(event=old, created_at=Now() - timedelta(hours=25))
    assert '<span class="console-card-count">0</span>' in card()


def test_the_number_of_statements_does_not_depend_on_the_number_of_tries(
    deliveries: list[Delivery], operator: Browser, django_assert_num_queries: Any
) -> None:
    DeliveryTry.objects.create(delivery=deliveries[0], url="https://shop.test/")
    with django_assert_num_queries(6):
        text_of(operator, page_of(deliveries[0]))
    for _ in range(30):
        DeliveryTry.objects.create(delivery=deliveries[0], url="https://shop.test/")
    with django_assert_num_queries(6):
        assert text_of(operator, page_of(deliveries[0])).count("no answer") == 20
