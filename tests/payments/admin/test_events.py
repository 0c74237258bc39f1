"""Events for shops in the console: as they are sent, and what became of them; and all of it on a payment's timeline."""

import pytest
from django.db.models.functions import Now
from django.test import Client as Browser
from django.utils.html import escape

from payments.admin.event import readable
from payments.gateways.base import Kind
from payments.models import Client, CustomerMessage, Delivery, Event, GatewayEvent, Payment, WebhookEndpoint
from payments.services.publish import publish
from tests.payments.admin.conftest import text_of
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/event/"


@pytest.fixture
def payment(shop: Client) -> Payment:
    for name in ("first", "second"):
        WebhookEndpoint.objects.create(client=shop, url=f"https://shop.test/{name}", secret="whsec_secret")
    paid = after(sent(shop), Kind.SUCCEEDED, reference="ch_1")
    publish()
    return paid


def told(browser: Browser, payment: Payment) -> list[tuple[str, str, dict[str, str]]]:
    """Return title, colour and facts of what the timeline says that others were told, or told us."""
    events = browser.get(f"/admin/payments/payment/{payment.pk}/change/").context["events"]
    return [
        (event.title, event.colour, {fact.name: fact.text for fact in event.facts})
        for event in events
        if event.rank >= 10
    ]


def test_an_event_is_shown_as_it_is_sent_with_its_deliveries(payment: Payment, viewer: Browser) -> None:
    event = Event.objects.get(type="payment.succeeded")
    Delivery.objects.filter(event=event, endpoint__url__endswith="first").update(state="failed", note="HTTP 500")
    page = text_of(viewer, f"{LIST}{event.pk}/change/")
    for text in (event.pk, "as no. 2", "Deliver on this event only.", '"amount": 12.50,', "HTTP 500", "On its way"):
        assert escape(text) in page
    assert "whsec_" not in page


def test_numbers_and_letters_stay_as_they_are_written() -> None:
    assert readable('{"a":10.10,"b":{"c":[1,"é<"]}}').split() == [
        "{",
        '"a":',
        "10.10,",
        '"b":',
        "{",
        '"c":',
        "[",
        "1,",
        '"é<"',
        "]",
        "}",
        "}",
    ]


def test_the_list_is_filtered_and_searched(payment: Payment, operator: Browser) -> None:
    def found(query: str) -> int:
        return int(operator.get(f"{LIST}?{query}").context["cl"].result_count)

    assert [found(query) for query in ("", "type=payment.succeeded", f"q={payment.pk}", "q=nobody")] == [2, 1, 2, 0]


@pytest.mark.parametrize("path", ["evt_x/change/", f"evt_{'0' * 26}/change/"])
def test_an_event_that_does_not_exist_is_not_found(operator: Browser, path: str) -> None:
    assert operator.get(f"{LIST}{path}").status_code == 404


def test_the_timeline_tells_what_the_shop_was_told_and_what_became_of_it(payment: Payment, operator: Browser) -> None:
    [first, second] = Event.objects.order_by("sequence")
    Delivery.objects.filter(event=first).update(state="delivered", due_at=None, delivered_at=Now())
    Delivery.objects.filter(event=second, endpoint__url__endswith="first").update(
        state="failed", due_at=None, note="HTTP 500"
    )
    [one, two] = told(operator, payment)
    assert one[:2] == ("Event no. 1 for the shop: payment.processing, delivered to 2 of 2.", "success")
    assert one[2]["https://shop.test/first"].startswith("Delivered, 20")
    assert two[:2] == ("Event no. 2 for the shop: payment.succeeded, delivered to 0 of 2.", "danger")
    assert two[2] == {
        "Event": second.pk,
        "https://shop.test/first": "Not delivered: HTTP 500",
        "https://shop.test/second": "On its way",
    }


def test_an_event_stands_after_what_it_tells(payment: Payment, operator: Browser) -> None:
    events = operator.get(f"/admin/payments/payment/{payment.pk}/change/").context["events"]
    titles = [event.title for event in events]
    assert titles.index("The payment is paid.") < titles.index(
        "Event no. 2 for the shop: payment.succeeded, delivered to 0 of 2."
    )


def test_an_event_that_no_endpoint_wants_is_told_so(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED)
    publish()
    assert [(title, colour) for title, colour, _ in told(operator, payment)] == [
        ("Event no. 1 for the shop: payment.processing, which no endpoint wants.", "default"),
        ("Event no. 2 for the shop: payment.succeeded, which no endpoint wants.", "default"),
    ]


def test_an_event_that_was_not_published_yet_does_not_read_as_unwanted(shop: Client, operator: Browser) -> None:
    payment = after(sent(shop), Kind.SUCCEEDED)
    assert [title for title, _, _ in told(operator, payment)] == [
        "Event no. 1 for the shop: payment.processing, not handed out yet.",
        "Event no. 2 for the shop: payment.succeeded, not handed out yet.",
    ]


def test_the_timeline_tells_what_gateways_told_us_and_what_the_customer_was_sent(
    payment: Payment, operator: Browser
) -> None:
    GatewayEvent.objects.create(
        gateway="primary",
        event_id="evt_9",
        type="charge.succeeded",
        body=b"<secret body>",
        reference="ch_1",
        payment_id=payment.pk,
        state="parked",
        note="<b>unknown</b>",
        times_received=3,
    )
    CustomerMessage.objects.filter(payment=payment).delete()
    CustomerMessage.objects.create(
        payment=payment, kind="received", address="eva@example.com", sent_at=Now(), due_at=None
    )
    CustomerMessage.objects.create(payment=payment, kind="delayed", channel="sms", address="+4912345", due_at=None)
    found = {title: (colour, facts) for title, colour, facts in told(operator, payment)}
    colour, facts = found["primary told us by webhook: charge.succeeded, 3 times."]
    assert (colour, facts["Note"]) == ("warning", "<b>unknown</b>")
    assert (facts["Charge id at the gateway"], facts["Event at the gateway"]) == ("ch_1", "evt_9")
    assert [title.partition(" to the customer: ")[2] for title in found if " to the customer: " in title] == [
        f"Payment received, sent {CustomerMessage.objects.get(kind='received').sent_at:%Y-%m-%d %H:%M:%S} UTC.",
        "Payment takes longer, not sent.",
    ]
    page = text_of(operator, f"/admin/payments/payment/{payment.pk}/change/")
    assert "<b>unknown</b>" not in page
    assert "secret body" not in page
