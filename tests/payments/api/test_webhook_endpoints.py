"""Webhook endpoints over the API: made, changed, deleted, and whose they are (D3, G7)."""

import json
import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.http import HttpResponse

from payments import events
from payments.models import Client, Delivery, WebhookEndpoint
from tests.payments.api.conftest import URL, Api, api_of, fields_of
from tests.payments.api.endpoints import CORRECT, LIST, NOBODYS, SECRET, read, told, url_of

pytestmark = pytest.mark.django_db


def test_an_endpoint_is_made_and_its_secret_shown_this_once(api: Api, shop: Client) -> None:
    response = api.post(LIST, {"url": URL, "types": ["payment.succeeded"], "description": "Orders"})
    answer = read(response, 201)
    row = WebhookEndpoint.objects.get()
    created_at = row.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert answer == {
        "endpointID": row.pk,
        "url": URL,
        "description": "Orders",
        "types": ["payment.succeeded"],
        "enabled": True,
        "failingSince": None,
        "disabledAt": None,
        "disabledWhy": "",
        "oldSecretUntil": None,
        "createdAt": created_at,
        "secret": row.secret,
    }
    assert SECRET.fullmatch(row.secret)
    assert (response["Location"], response["Cache-Control"]) == (f"{LIST}/{row.pk}", "no-store")
    shown = {name: value for name, value in answer.items() if name != "secret"}
    assert read(api.get(f"{LIST}/{row.pk}")) == shown
    assert read(api.get(LIST)) == {"data": [shown]}


def test_types_and_description_may_be_left_out(api: Api, shop: Client) -> None:
    answer = read(api.post(LIST, {"url": URL}), 201)
    assert (answer["types"], answer["description"]) == ([], "")


def test_no_later_answer_and_no_log_has_a_secret(api: Api, shop: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    made = read(api.post(LIST, {"url": URL}), 201)
    path = f"{LIST}/{made['endpointID']}"
    turned = read(api.post(f"{path}/rotate-secret", {}))
    told(shop)
    answers = [
        *(api.get(LIST), api.get(path), api.get(f"{path}/deliveries"), api.get("/api/events")),
        *(api.patch(path, {"description": "x"}), api.post(f"{path}/test", ""), api.delete(path)),
    ]
    assert [response.status_code for response in answers] == [200, 200, 200, 200, 200, 202, 204]
    for text in (*(response.content.decode() for response in answers), caplog.text):
        assert "whsec_" not in text
        assert made["secret"].removeprefix("whsec_") not in text
        assert turned["secret"].removeprefix("whsec_") not in text


# Inputs of class B100: everything that is not https to a public host, however it is written.
@pytest.mark.parametrize(
    "url",
    [
        *("http://shop.example/events", "ftp://93.184.215.14/", "//93.184.215.14/", "shop.example", "", "https://"),
        *("https://127.0.0.2/", "https://[::2]:443/", "https://0.0.0.0/", "https://169.254.169.254/latest"),
        *("https://10.0.0.1/", "https://192.168.1.1/", "https://172.16.0.1/", "https://100.64.0.1/"),
        *("https://2130706434/", "https://0x7f000002/", "https://0177.0.0.2/", "https://127.2/"),
        *("https://[::ffff:10.0.0.1]/", "https://[fe80::1]/", "https://[fc00::1]/", "https://localhost.localdomain/"),
        *("https://93.184.215.14:25/", "https://93.184.215.14:6379/", "https://93.184.215.14:99999/"),
        *("https://user:secret@93.184.215.14/", "https://93.184.215.14/ x", "https://93.184.215.14/\nx"),
        *(
            "https://router.local/",
            "https://metadata.google.internal/",
            "javascript:alert(1)",
            "https://ex\u0430mple.com/",
        ),
    ],
)
def test_an_address_to_which_nothing_may_be_sent_is_400(api: Api, endpoint: WebhookEndpoint, url: str) -> None:
    for response in (api.post(LIST, {"url": url}), api.patch(url_of(endpoint), {"url": url})):
        assert (response.status_code, fields_of(response)) == (400, ["url"])
        assert response["Content-Type"] == "application/problem+json"
        assert "secret" not in response.content.decode()
    assert WebhookEndpoint.objects.get().url == URL


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["url"]),
        ({"url": None}, ["url"]),
        ({"url": 1}, ["url"]),
        ({"url": "https://93.184.215.14/" + "x" * 500}, ["url"]),
        ({"url": URL, "types": "payment.failed"}, ["types"]),
        ({"url": URL, "types": None}, ["types"]),
        ({"url": URL, "types": [1]}, ["types"]),
        ({"url": URL, "types": [["payment.failed"]]}, ["types"]),
        ({"url": URL, "types": ["payment.paid"]}, ["types"]),
        ({"url": URL, "types": ["payment.failed", "payment.failed"]}, ["types"]),
        ({"url": URL, "description": "x" * 101}, ["description"]),
        ({"url": URL, "description": "a\u202eb"}, ["description"]),
        ({"url": URL, "description": 5}, ["description"]),
        ({"url": URL, "secret": "whsec_mine"}, ["secret"]),
        ({"url": URL, "enabled": True}, ["enabled"]),
        ({"url": 1, "types": 2, "description": 3, "id": 4}, ["id", "url", "types", "description"]),
        ([], [""]),
        ("text", [""]),
    ],
)
def test_a_body_that_is_none_is_400_and_names_each_field(api: Api, shop: Client, body: Any, fields: list[str]) -> None:
    response = api.post(LIST, json.dumps(body))
    assert (response.status_code, fields_of(response)) == (400, fields)
    assert WebhookEndpoint.objects.count() == 0


def test_more_endpoints_than_a_client_may_have_are_refused(api: Api, shop: Client) -> None:
    for number in range(20):
        WebhookEndpoint.objects.create(client=shop, url=f"{URL}/{number}", secret="whsec_x")
    assert read(api.post(LIST, {"url": URL}), 409)["code"] == "too_many_endpoints"
    WebhookEndpoint.objects.filter(url=f"{URL}/3").update(deleted_at=Now())
    read(api.post(LIST, {"url": URL}), 201)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"url": "https://93.184.215.14:8443/new"}, {"url": "https://93.184.215.14:8443/new"}),
        ({"types": ["payment.failed"]}, {"types": ["payment.failed"]}),
        ({"types": list(events.TYPES)}, {"types": list(events.TYPES)}),
        ({"description": " two\nlines "}, {"description": "two lines"}),
        ({"description": ""}, {"description": ""}),
        ({"enabled": True}, {}),
    ],
)
def test_what_is_sent_is_changed_and_nothing_else(
    api: Api, endpoint: WebhookEndpoint, change: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = read(api.get(url_of(endpoint)))
    assert read(api.patch(url_of(endpoint), change)) == {**before, **expected}
    assert read(api.get(url_of(endpoint))) == {**before, **expected}


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, [""]),
        ({"enabled": "no"}, ["enabled"]),
        ({"enabled": 0}, ["enabled"]),
        ({"enabled": None}, ["enabled"]),
        ({"types": {}}, ["types"]),
        ({"failingSince": None}, ["failingSince"]),
        ({"enabled": False, "colour": "red"}, ["colour"]),
    ],
)
def test_a_change_that_is_none_changes_nothing(
    api: Api, endpoint: WebhookEndpoint, body: dict[str, Any], fields: list[str]
) -> None:
    response = api.patch(url_of(endpoint), body)
    assert (response.status_code, fields_of(response)) == (400, fields)
    assert WebhookEndpoint.objects.values().get() == WebhookEndpoint.objects.filter(pk=endpoint.pk).values().get()
    assert WebhookEndpoint.objects.get().is_enabled


def test_an_endpoint_is_disabled_and_enabled(api: Api, shop: Client, endpoint: WebhookEndpoint) -> None:
    off = read(api.patch(url_of(endpoint), {"enabled": False}))
    assert (off["enabled"], off["disabledWhy"]) == (False, "by the client")
    assert off["disabledAt"] is not None
    told(shop)
    assert Delivery.objects.count() == 0
    on = read(api.patch(url_of(endpoint), {"enabled": True}))
    assert (on["enabled"], on["disabledAt"], on["disabledWhy"]) == (True, None, "")


def test_enabling_what_works_does_not_forget_since_when_it_fails(api: Api, endpoint: WebhookEndpoint) -> None:
    WebhookEndpoint.objects.update(failing_since=Now())
    assert read(api.patch(url_of(endpoint), {"enabled": True}))["failingSince"] is not None


def test_a_deleted_endpoint_does_not_exist_any_more(api: Api, endpoint: WebhookEndpoint) -> None:
    response = api.delete(url_of(endpoint))
    assert (response.status_code, response.content) == (204, b"")
    assert read(api.get(LIST)) == {"data": []}
    for response in (api.get(url_of(endpoint)), api.delete(url_of(endpoint)), api.post(url_of(endpoint, "test"), "")):
        assert response.status_code == 404


@pytest.mark.parametrize(
    ("body", "hours"), [("", 24), ({}, 24), ({"overlapHours": 168}, 168), ({"overlapHours": 1}, 1)]
)
def test_after_a_rotation_both_secrets_sign_for_a_while(
    api: Api, endpoint: WebhookEndpoint, body: Any, hours: int
) -> None:
    response = api.post(url_of(endpoint, "rotate-secret"), body)
    answer = read(response)
    row = WebhookEndpoint.objects.get()
    assert answer["secret"] == row.secret != endpoint.secret
    assert (row.old_secret, response["Cache-Control"]) == (endpoint.secret, "no-store")
    assert row.old_secret_until is not None
    assert abs(row.old_secret_until - row.created_at - timedelta(hours=hours)) < timedelta(minutes=1)
    assert answer["oldSecretUntil"] == row.old_secret_until.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_without_an_overlap_the_old_secret_signs_no_more(api: Api, endpoint: WebhookEndpoint) -> None:
    assert read(api.post(url_of(endpoint, "rotate-secret"), {"overlapHours": 0}))["oldSecretUntil"] is None
    assert WebhookEndpoint.objects.get().old_secret == ""


@pytest.mark.parametrize("hours", [-1, 169, 1.5, "24", None, True, [], 10**30])
def test_an_overlap_that_is_none_changes_no_secret(api: Api, endpoint: WebhookEndpoint, hours: Any) -> None:
    response = api.post(url_of(endpoint, "rotate-secret"), {"overlapHours": hours})
    assert (response.status_code, fields_of(response)) == (400, ["overlapHours"])
    assert WebhookEndpoint.objects.get().secret == endpoint.secret


def test_every_refusal_about_endpoints_says_that_nothing_was_changed(api: Api, endpoint: WebhookEndpoint) -> None:
    refusals = [
        api.post(LIST, {"url": "x"}),
        api.post(LIST, {"url": "https://10.0.0.1/"}),
        api.patch(url_of(endpoint), {}),
        api.patch(url_of(endpoint), {"url": "https://10.0.0.1/"}),
        api.get(url_of(endpoint, "deliveries"), status="lost"),
    ]
    assert [read(each, 400)["detail"] for each in refusals] == [CORRECT] * len(refusals)


CALLS = [
    ("get", "", None),
    ("patch", "", {"enabled": False}),
    ("delete", "", None),
    ("post", "rotate-secret", {}),
    ("post", "test", ""),
    ("post", "redeliver", {"since": "2020-01-01T00:00:00Z"}),
    ("get", "deliveries", None),
]


def call(api: Api, method: str, path: str, body: Any) -> HttpResponse:
    arguments = () if body is None else (body,)
    return getattr(api, method)(path, *arguments)  # type: ignore[no-any-return]


@pytest.mark.parametrize(("method", "act", "body"), CALLS)
def test_another_clients_endpoint_does_not_exist(
    stranger: Api, endpoint: WebhookEndpoint, method: str, act: str, body: Any
) -> None:
    before = WebhookEndpoint.objects.values().get()
    theirs = call(stranger, method, url_of(endpoint, act), body)
    missing = call(stranger, method, f"{NOBODYS}{act and '/'}{act}", body)
    assert theirs.status_code == missing.status_code == 404
    without_time = [{**json.loads(response.content), "timestamp": None} for response in (theirs, missing)]
    assert without_time[0] == without_time[1]
    assert call(stranger, method, f"{LIST}/we_x{act and '/'}{act}", body).status_code == 404
    assert (WebhookEndpoint.objects.values().get(), Delivery.objects.count()) == (before, 0)
    assert read(stranger.get(LIST)) == {"data": []}


@pytest.mark.parametrize(("method", "act", "body"), CALLS)
def test_it_needs_its_scope(shop: Client, endpoint: WebhookEndpoint, method: str, act: str, body: Any) -> None:
    needed, other = ("events:read", "events:write") if method == "get" else ("events:write", "events:read")
    before = WebhookEndpoint.objects.values().get()
    refused = call(api_of(shop, other, "payments:write"), method, url_of(endpoint, act), body)
    answer = read(refused, 403)
    assert (answer["code"], needed in answer["detail"]) == ("scope_missing", True)
    assert (WebhookEndpoint.objects.values().get(), Delivery.objects.count()) == (before, 0)
    assert call(api_of(shop, needed), method, url_of(endpoint, act), body).status_code < 300


def test_making_one_needs_the_scope_to_write(shop: Client) -> None:
    assert read(api_of(shop, "events:read").post(LIST, {"url": URL}), 403)["code"] == "scope_missing"
    assert WebhookEndpoint.objects.count() == 0
