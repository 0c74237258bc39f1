"""Events sent to an endpoint over the API once more, and the log of what was delivered to it (D3, G7)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from payments.api import webhook_endpoint_schema
from payments.gateways.base import Kind
from payments.models import Client, Delivery, DeliveryTry, Event, WebhookEndpoint
from tests.payments.api.conftest import URL, Api, fields_of
from tests.payments.api.endpoints import CORRECT, read, states, told, url_of
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db


def test_the_test_button_sends_an_event_to_this_endpoint_alone(
    api: Api, shop: Client, endpoint: WebhookEndpoint
) -> None:
    WebhookEndpoint.objects.create(client=shop, url=URL, secret="whsec_x")
    answer = read(api.post(url_of(endpoint, "test"), ""), 202)
    row = Delivery.objects.get()
    assert row.endpoint_id == endpoint.pk
    assert (answer["eventID"], answer["type"], answer["status"]) == (row.event_id, "endpoint.test", "pending")
    assert (answer["paymentID"], answer["sequence"], answer["tries"]) == (None, 0, [])
    assert fields_of(api.post(url_of(endpoint, "test"), {"type": "payment.failed"})) == ["type"]
    assert Delivery.objects.count() == 1


def test_named_events_are_delivered_once_more(api: Api, shop: Client, endpoint: WebhookEndpoint) -> None:
    first, second = told(shop)
    Delivery.objects.update(state="delivered", due_at=None, delivered_at=Now())
    asked = {"eventIDs": [second.pk, second.pk]}
    assert read(api.post(url_of(endpoint, "redeliver"), asked), 202) == {"deliveries": 1}
    assert [Delivery.objects.get(event=event).state for event in (first, second)] == ["delivered", "pending"]


@pytest.mark.parametrize(
    ("asked", "count"),
    [({}, 4), ({"onlyFailed": True}, 2), ({"onlyFailed": False}, 4), ({"until": "2020-01-02T00:00:00Z"}, 0)],
)
def test_all_since_a_moment_are_delivered_once_more(
    api: Api, shop: Client, endpoint: WebhookEndpoint, asked: dict[str, Any], count: int
) -> None:
    told(shop, 1)
    told(shop, 2)
    Delivery.objects.update(state="delivered", due_at=None, delivered_at=Now())
    failed = Delivery.objects.order_by("pk").values_list("pk", flat=True)[:2]
    Delivery.objects.filter(pk__in=list(failed)).update(state="failed", delivered_at=None)
    body = {"since": "2020-01-01T00:00:00Z", **asked}
    assert read(api.post(url_of(endpoint, "redeliver"), body), 202) == {"deliveries": count}
    assert states().count("pending") == count


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, [""]),
        ({"eventIDs": ["evt_" + "0" * 26], "since": "2026-01-01T00:00:00Z"}, [""]),
        ({"eventIDs": []}, ["eventIDs"]),
        ({"eventIDs": ["pay_" + "0" * 26]}, ["eventIDs"]),
        ({"eventIDs": [1]}, ["eventIDs"]),
        ({"eventIDs": "evt_" + "0" * 26}, ["eventIDs"]),
        ({"eventIDs": ["evt_" + "0" * 26] * 101}, ["eventIDs"]),
        ({"eventIDs": ["evt_" + "0" * 26], "onlyFailed": True}, ["onlyFailed"]),
        ({"since": "yesterday"}, ["since"]),
        ({"since": "2026-01-01T00:00:00"}, ["since"]),
        ({"since": 5}, ["since"]),
        ({"since": "0001-01-01T00:00:00Z"}, ["since"]),
        ({"since": "1999-12-31T23:59:59Z"}, ["since"]),
        ({"since": "9999-12-31T23:59:59-23:00"}, ["since"]),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, ["until"]),
        ({"since": "2026-01-02T00:00:00Z", "onlyFailed": "yes"}, ["onlyFailed"]),
        ({"since": "2026-01-02T00:00:00Z", "all": True}, ["all"]),
    ],
)
def test_asking_for_what_is_none_delivers_nothing(
    api: Api, shop: Client, endpoint: WebhookEndpoint, body: dict[str, Any], fields: list[str]
) -> None:
    told(shop)
    Delivery.objects.update(state="failed", due_at=None)
    response = api.post(url_of(endpoint, "redeliver"), body)
    assert (response.status_code, fields_of(response)) == (400, fields)
    assert read(response, 400)["detail"] == CORRECT
    assert states() == ["failed", "failed"]


def test_since_counts_from_its_time_on_and_until_to_before_its_time(
    api: Api, shop: Client, endpoint: WebhookEndpoint
) -> None:
    first, second = told(shop)
    Delivery.objects.update(state="delivered", due_at=None, delivered_at=Now())
    at, later = first.happened_at, second.happened_at
    assert at < later
    for since, until, count in ((at - timedelta(minutes=1), at, 0), (at, later, 1)):
        body = {"since": since.isoformat(), "until": until.isoformat()}
        assert read(api.post(url_of(endpoint, "redeliver"), body), 202) == {"deliveries": count}
    assert [Delivery.objects.get(event=event).state for event in (first, second)] == ["pending", "delivered"]


def test_the_description_of_the_api_says_what_delivering_again_leaves_out() -> None:
    fields = webhook_endpoint_schema.REDELIVER["request"]["application/json"]["oneOf"][1]["properties"]
    assert fields["until"]["description"] == "Events that happened before this time, and not at it."
    assert "leaves out what happened while it was disabled" in fields["onlyFailed"]["description"]


def test_of_events_of_which_one_does_not_exist_none_is_delivered(
    api: Api, shop: Client, endpoint: WebhookEndpoint
) -> None:
    other = Client.objects.create(slug="other", name="Other", form_secret="x")
    after(sent(other, "theirs", order="theirs"), Kind.SUCCEEDED)
    own = told(shop)[0]
    Delivery.objects.update(state="failed", due_at=None)
    for foreign in (Event.objects.filter(client=other)[0].pk, "evt_" + "0" * 26):
        answer = read(api.post(url_of(endpoint, "redeliver"), {"eventIDs": [own.pk, foreign]}), 404)
        assert answer["title"] == f"There is no such event: {foreign}."
    assert set(states()) == {"failed"}


@pytest.mark.parametrize(("act", "body"), [("test", ""), ("redeliver", {"since": "2020-01-01T00:00:00Z"})])
def test_to_a_disabled_endpoint_nothing_is_sent(
    api: Api, shop: Client, endpoint: WebhookEndpoint, act: str, body: Any
) -> None:
    told(shop)
    api.patch(url_of(endpoint), {"enabled": False})
    before = states()
    assert read(api.post(url_of(endpoint, act), body), 409)["code"] == "endpoint_disabled"
    assert states() == before


def test_the_log_of_deliveries_has_every_try_newest_first(api: Api, shop: Client, endpoint: WebhookEndpoint) -> None:
    first, second = told(shop)
    row = Delivery.objects.get(event=second)
    sent_with = {"webhook-id": second.pk}
    first_try = DeliveryTry(delivery=row, url=URL, headers=sent_with, trouble="no answer in time")
    last_try = DeliveryTry(
        delivery=row, url=URL, headers=sent_with, http_status=500, answer="<b>no</b>", milliseconds=1
    )
    for each in (first_try, last_try):
        each.save()
    Delivery.objects.filter(pk=row.pk).update(state="failed", note="HTTP 500", due_at=None)
    found = read(api.get(url_of(endpoint, "deliveries")))
    assert [(each["eventID"], each["status"]) for each in found["data"]] == [
        (second.pk, "failed"),
        (first.pk, "pending"),
    ]
    shown = found["data"][0]
    assert (shown["type"], shown["paymentID"], shown["sequence"]) == ("payment.succeeded", second.payment_id, 2)
    assert (shown["note"], shown["nextTryAt"], shown["deliveredAt"]) == ("HTTP 500", None, None)
    times = [each.pop("at") for each in shown["tries"]]
    assert times == sorted(times, reverse=True)
    same = {"url": URL, "requestHeaders": sent_with}
    assert shown["tries"] == [
        {**same, "httpStatus": 500, "answer": "<b>no</b>", "trouble": "", "milliseconds": 1},
        {**same, "httpStatus": None, "answer": "", "trouble": "no answer in time", "milliseconds": 0},
    ]


def test_the_log_is_filtered_and_goes_on_from_its_cursor(api: Api, shop: Client, endpoint: WebhookEndpoint) -> None:
    for number in range(3):
        told(shop, number)
    made = list(Delivery.objects.order_by("-pk").values_list("event_id", flat=True))
    Delivery.objects.filter(event_id__in=made[1::2]).update(state="failed", due_at=None)
    path = url_of(endpoint, "deliveries")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        found = read(api.get(path, limit="4", **cursor))
        seen += [row["eventID"] for row in found["data"]]
        if found["nextCursor"] is None:
            break
        cursor = {"cursor": found["nextCursor"]}
    assert seen == made
    assert [row["eventID"] for row in read(api.get(path, status="failed"))["data"]] == made[1::2]
    for query in ({"status": "lost"}, {"limit": "0"}, {"cursor": "1"}, {"cursor": "evt_" + "0" * 26}, {"after": "x"}):
        assert fields_of(api.get(path, **query)) == list(query)
