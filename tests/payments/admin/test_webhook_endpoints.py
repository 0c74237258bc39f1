"""Shops' webhook endpoints in the console: made with a secret that is shown once, changed and listed (G4, G7)."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models.functions import Now
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from payments.models import Client, Delivery, WebhookEndpoint
from tests.payments.admin.conftest import text_of
from tests.payments.admin.endpoint_pages import ADD, LIST, OLD, SECRET, URL, fields, page_of, row, told

pytestmark = pytest.mark.django_db


def test_an_endpoint_is_made_and_its_secret_shown_this_once(
    shop: Client, manager: Browser, administrator: Browser, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = manager.post(ADD, fields(shop))
    made = WebhookEndpoint.objects.get()
    assert (made.client_id, made.url, made.types, made.description) == (shop.pk, URL, ["payment.succeeded"], "Orders")
    assert (response.status_code, "no-store" in response["Cache-Control"]) == (200, True)
    assert SECRET.findall(response.content.decode()) == [made.secret]
    assert LogEntry.objects.get().change_message == f"Made for {URL}"
    told(shop)
    delivery = Delivery.objects.get()
    for url in (
        *(LIST, page_of(made), f"{LIST}{made.pk}/history/", f"{LIST}{made.pk}/edit/", f"{LIST}{made.pk}/do/rotate/"),
        *("/admin/", f"/admin/payments/delivery/{delivery.pk}/change/", "/admin/payments/delivery/"),
    ):
        assert "whsec_" not in text_of(administrator, url)
    assert made.secret not in caplog.text
    assert made.secret not in str(list(LogEntry.objects.values()))


@pytest.mark.parametrize(
    "changes",
    [
        *({"url": url} for url in ("", "http://shop.example/", "https://10.0.0.1/", "https://u:p@93.184.215.14/")),
        *({"types": ["payment.paid"]}, {"client": 0}, {"description": "x" * 101}, {"url": f"{URL}?{'x' * 500}"}),
    ],
)
def test_an_endpoint_that_may_not_be_is_not_made(shop: Client, manager: Browser, changes: dict[str, Any]) -> None:
    response = manager.post(ADD, fields(shop, **changes))
    assert (response.status_code, WebhookEndpoint.objects.count()) == (200, 0)
    assert response.context["form"].errors.keys() == changes.keys()


def test_the_reason_why_an_address_is_refused_is_shown(shop: Client, manager: Browser) -> None:
    page = manager.post(ADD, fields(shop, url="http://shop.example/")).content.decode()
    assert "The URL must begin with https://." in page


def test_address_types_and_description_are_changed_with_a_history(endpoint: WebhookEndpoint, manager: Browser) -> None:
    edit = f"{LIST}{endpoint.pk}/edit/"
    assert URL in text_of(manager, edit)
    new = {"url": f"{URL}/new", "types": ["payment.failed"], "description": "Orders"}
    assert manager.post(edit, new)["Location"] == page_of(endpoint)
    assert row() == {**row(), "url": f"{URL}/new", "types": ["payment.failed"], "secret": OLD}
    assert LogEntry.objects.get().change_message == f"url: {URL} → {URL}/new; types: [] → ['payment.failed']"
    assert manager.post(edit, {**new, "url": "https://127.1/"}).status_code == 200
    assert row()["url"] == f"{URL}/new"


def test_only_those_who_may_make_endpoints_make_or_change_them(
    shop: Client, endpoint: WebhookEndpoint, viewer: Browser, operator: Browser
) -> None:
    before = row()
    for browser in (viewer, operator):
        for url in (ADD, f"{LIST}{endpoint.pk}/edit/"):
            assert browser.get(url).status_code == 403
            assert browser.post(url, fields(shop)).status_code == 403
        assert "/edit/" not in text_of(browser, page_of(endpoint))
    assert row() == before


def test_posting_to_the_page_and_deleting_by_django_are_refused(
    endpoint: WebhookEndpoint, administrator: Browser
) -> None:
    before = row()
    assert administrator.post(page_of(endpoint), {"url": "https://8.8.8.8/", "secret": "x"}).status_code == 403
    assert administrator.post(f"{LIST}{endpoint.pk}/delete/", {"post": "yes"}).status_code == 403
    assert row() == before


@pytest.mark.parametrize("path", ["we_x/change/", f"we_{'0' * 26}/change/", f"we_{'0' * 26}/do/test/", "%00/change/"])
def test_an_endpoint_that_does_not_exist_is_not_found(administrator: Browser, path: str) -> None:
    assert administrator.get(f"{LIST}{path}").status_code == 404


def test_the_list_says_the_state_and_the_last_day_with_few_statements(
    shop: Client, endpoint: WebhookEndpoint, operator: Browser
) -> None:
    counts = []
    for number in range(3):
        told(shop, number)
        WebhookEndpoint.objects.create(client=shop, url=f"{URL}/{number}", secret="whsec_x", is_enabled=False)
        with CaptureQueriesContext(connection) as queries:
            text_of(operator, LIST)
        counts.append(len(queries))
    assert len(set(counts)) == 1
    first = Delivery.objects.order_by("pk")[0]
    Delivery.objects.filter(pk=first.pk).update(state="failed")
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(failing_since=Now())
    page = text_of(operator, LIST)
    assert "0 delivered, 1 not, 5 on the way" in page
    assert page.count("no new events") == 3
    for state in ("failing", "disabled"):
        assert f">{state}<" in re.sub(r"\s+", "", page)


def test_what_a_shop_writes_is_escaped(shop: Client, operator: Browser) -> None:
    evil = '<script>alert("x")</script>'
    made = WebhookEndpoint.objects.create(
        client=shop, url=f"{URL}?{evil}", description=evil, disabled_why=evil, is_enabled=False, secret="whsec_x"
    )
    for url in (LIST, page_of(made), f"{LIST}{made.pk}/do/enable/", "/admin/payments/delivery/", "/admin/"):
        assert "<script>alert" not in text_of(operator, url)
    assert "&lt;script&gt;" in text_of(operator, page_of(made))


@pytest.mark.parametrize(
    ("values", "is_counted"),
    [
        ({}, False),
        ({"failing_since": Now()}, True),
        ({"is_enabled": False, "disabled_at": Now()}, True),
        ({"is_enabled": False, "disabled_at": Now() - timedelta(days=8)}, False),
        ({"failing_since": Now(), "deleted_at": Now()}, False),
    ],
)
def test_the_front_page_counts_endpoints_in_trouble_and_leads_to_them(
    endpoint: WebhookEndpoint, operator: Browser, values: dict[str, Any], is_counted: bool
) -> None:
    WebhookEndpoint.objects.update(**values)
    card = text_of(operator, "/admin/").partition('data-queue="troubled_endpoints"')[2].partition("</a>")[0]
    assert f'<span class="console-card-count">{int(is_counted)}</span>' in card
    listed = operator.get(f"{LIST}?queue=troubled_endpoints")
    assert listed.context["cl"].result_count == int(is_counted)
