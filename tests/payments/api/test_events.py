"""Events over the API: in order, none missed, byte by byte as they are delivered (requirements D3, G7)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from drf_spectacular.validation import validate_schema

from payments import events
from payments.gateways.base import Kind
from payments.models import SCOPES, ApiKey, Client, Event, Payment
from payments.services.forget_events import forget_old
from payments.services.publish import publish
from tests.payments.api.conftest import Api, fields_of
from tests.payments.conftest import accepted, after, sent
from tests.payments.services.delivering import happened

pytestmark = pytest.mark.django_db

LIST = "/api/events"


def api_of(client: Client, *scopes: str) -> Api:
    return Api(ApiKey.issue(client=client, scopes=list(scopes or SCOPES), mode="test", label="tests")[1])


@pytest.fixture
def stranger(db: None) -> Api:
    return api_of(Client.objects.create(slug="other", name="Other", form_secret="x"))


def page(api: Api, **query: str) -> dict[str, Any]:
    response = api.get(LIST, **query)
    assert response.status_code == 200, response.content
    return dict(json.loads(response.content))


def ids_of(found: dict[str, Any]) -> list[str]:
    return [event["id"] for event in found["data"]]


def paid(shop: Client, number: int) -> Payment:
    return after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.SUCCEEDED)


def in_order(client: Client) -> list[str]:
    return list(Event.objects.filter(client=client).order_by("position").values_list("pk", flat=True))


def test_events_are_listed_as_the_bytes_that_are_delivered(api: Api, shop: Client) -> None:
    paid(shop, 1)
    publish()
    bodies = list(Event.objects.order_by("position").values_list("body", flat=True))
    assert len(bodies) == 2
    raw = api.get(LIST).content.decode()
    assert raw.startswith(f'{{"data":[{bodies[0]},{bodies[1]}],"nextCursor":')
    # An exact amount shows that nothing was read and written again: a float would lose the last digit.
    assert '"amount":12.50,' in raw
    assert api.get(f"{LIST}/{in_order(shop)[0]}").content.decode() == bodies[0]


def test_an_event_without_its_place_is_not_shown_yet(api: Api, shop: Client) -> None:
    paid(shop, 1)
    event = Event.objects.order_by("sequence")[0]
    assert page(api) == {"data": [], "nextCursor": "start", "hasMore": False}
    assert api.get(f"{LIST}/{event.pk}").status_code == 404
    assert fields_of(api.get(LIST, after=event.pk)) == ["after"]
    publish()
    assert ids_of(page(api, after="start")) == in_order(shop)


def test_whoever_polls_with_the_cursor_misses_nothing_and_reads_nothing_twice(api: Api, shop: Client) -> None:
    seen: list[str] = []
    cursor = "start"
    for number in range(5):
        paid(shop, number)
        publish()
        # Less than is written each time, then the rest: the cursor goes on however pages and inserts meet.
        found = page(api, after=cursor, limit="1")
        assert found["hasMore"] is True
        seen += ids_of(found)
        cursor = found["nextCursor"]
    while True:
        found = page(api, after=cursor, limit="3")
        seen += ids_of(found)
        cursor = found["nextCursor"]
        if not found["hasMore"]:
            break
    assert seen == in_order(shop)
    assert len(seen) == 10
    assert page(api, after=cursor) == {"data": [], "nextCursor": cursor, "hasMore": False}
    paid(shop, 9)
    publish()
    assert ids_of(page(api, after=cursor)) == in_order(shop)[10:]


def test_the_order_is_that_of_publishing_and_not_of_the_ids(api: Api, shop: Client) -> None:
    paid(shop, 1)
    first, second = Event.objects.order_by("sequence").values_list("pk", flat=True)
    Event.objects.filter(pk=first).update(position=8)
    Event.objects.filter(pk=second).update(position=5)
    assert ids_of(page(api)) == [second, first]
    assert ids_of(page(api, after=second)) == [first]
    assert page(api, limit="1")["nextCursor"] == second


def test_a_filter_goes_on_beyond_what_it_passed_over(api: Api, shop: Client) -> None:
    payment = paid(shop, 1)
    other = paid(shop, 2)
    publish()
    found = page(api, type="payment.failed")
    assert (found["data"], found["nextCursor"], found["hasMore"]) == ([], in_order(shop)[-1], False)
    assert [event["type"] for event in page(api, type="payment.succeeded")["data"]] == ["payment.succeeded"] * 2
    for one in (payment, other):
        assert [event["data"]["paymentID"] for event in page(api, paymentID=one.pk)["data"]] == [one.pk] * 2
    assert len(page(api, paymentID=payment.pk, type="payment.succeeded")["data"]) == 1


def test_the_event_that_a_shop_was_sent_last_is_a_cursor_too(api: Api, shop: Client) -> None:
    paid(shop, 1)
    publish()
    [first, second] = in_order(shop)
    assert ids_of(page(api, after=first)) == [second]


def test_another_clients_events_do_not_exist(api: Api, stranger: Api, shop: Client) -> None:
    payment = paid(shop, 1)
    publish()
    [event_id, _] = in_order(shop)
    assert page(stranger) == {"data": [], "nextCursor": "start", "hasMore": False}
    assert page(stranger, paymentID=payment.pk)["data"] == []
    theirs, missing = stranger.get(f"{LIST}/{event_id}"), stranger.get(f"{LIST}/evt_{'0' * 26}")
    assert theirs.status_code == missing.status_code == 404
    without_time = [{**json.loads(response.content), "timestamp": None} for response in (theirs, missing)]
    assert without_time[0] == without_time[1]
    assert fields_of(stranger.get(LIST, after=event_id)) == ["after"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("after", value) for value in ("1", "evt_x", "pay_" + "0" * 26, "evt_" + "0" * 26, "a\0b", "START")),
        *(("limit", value) for value in ("0", "101", "-1", "x", "1.0")),
        *(("type", value) for value in ("payment", "payment.paid", "\0")),
        *(("paymentID", value) for value in ("pay_x", "evt_" + "0" * 26, "\0")),
        *(("cursor", "x"), ("position", "1"), ("since", "2026-01-01T00:00:00Z")),
    ],
)
def test_a_parameter_that_is_none_is_400_and_named(api: Api, shop: Client, name: str, value: str) -> None:
    response = api.get(LIST, **{name: value})
    assert (response.status_code, fields_of(response)) == (400, [name])
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", [LIST, f"{LIST}/evt_{'0' * 26}"])
def test_it_needs_its_scope(shop: Client, path: str) -> None:
    response = api_of(shop, "payments:read", "events:write").get(path)
    assert (response.status_code, json.loads(response.content)["code"]) == (403, "scope_missing")
    assert "events:read" in response.content.decode()


def test_a_list_costs_the_same_statements_however_long_it_is(
    api: Api, shop: Client, django_assert_num_queries: Any
) -> None:
    api.get(LIST)  # the key is read once in a while
    for number in range(3):
        paid(shop, number)
        publish()
        first = in_order(shop)[0]
        with django_assert_num_queries(3):
            page(api, after=first)


def test_every_key_may_read_the_event_types(shop: Client) -> None:
    response = api_of(shop, "metrics:read").get("/api/event-types")
    assert response.status_code == 200
    assert {row["type"]: row["meaning"] for row in json.loads(response.content)["data"]} == events.TYPES
    assert Api("psk_test_of_nobody_at_all_000").get("/api/event-types").status_code == 401


def schema() -> dict[str, Any]:
    return dict(json.loads(Browser().get("/api/schema").content))


def test_every_event_type_is_a_webhook_of_the_described_api() -> None:
    found = schema()
    validate_schema(found)  # type: ignore[no-untyped-call]
    assert set(found["webhooks"]) == set(events.TYPES)
    for name, item in found["webhooks"].items():
        body = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        assert body["properties"]["type"] == {"const": name}
        reference = body["properties"]["data"]["$ref"].removeprefix("#/components/schemas/")
        assert found["components"]["schemas"][reference]["properties"]


def resolved(shape: Any, found: dict[str, Any]) -> Any:
    if isinstance(shape, dict) and "$ref" in shape:
        return found["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape


def test_an_event_has_exactly_the_fields_that_its_schema_promises(shop: Client) -> None:
    found = schema()
    attempt = sent(shop)
    after(attempt, Kind.SUCCEEDED, reference="ch_1")
    after(attempt, Kind.SUCCEEDED, reference="ch_2")  # a second charge, without right
    accepted(shop, "key-2", order="order-2")
    seen = set()
    for event in Event.objects.all():
        body = json.loads(event.body)
        shape = found["webhooks"][event.type]["post"]["requestBody"]["content"]["application/json"]["schema"]
        data = resolved(shape["properties"]["data"], found)
        assert body.keys() == set(shape["required"])
        assert body["data"].keys() == set(data["required"]), event.type
        seen.add(event.type)
    assert seen == {"payment.processing", "payment.succeeded", "surplus.found"}


def test_a_quiet_shop_reads_on_from_its_last_event_however_old(api: Api, shop: Client, settings: Any) -> None:
    settings.EVENT_DAYS = 30
    forgotten, last = (happened(shop, ago=timedelta(days=days)) for days in (40, 35))
    publish()
    cursor = page(api)["nextCursor"]
    assert cursor == last.pk
    assert forget_old() == 1
    assert page(api, after=cursor) == {"data": [], "nextCursor": cursor, "hasMore": False}
    assert fields_of(api.get(LIST, after=forgotten.pk)) == ["after"]
    new = happened(shop)
    publish()
    assert forget_old() == 0
    assert ids_of(page(api, after=cursor)) == [new.pk]
