"""Shops' webhook endpoints in the console: who may do what, what it does, and a secret that is shown once (G4, G7)."""

import logging
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.db.models.functions import Now
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from payments.admin.webhook_endpoint.acts import ACTS
from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import Client, Delivery, WebhookEndpoint
from payments.services.publish import publish
from tests.payments.admin.conftest import browser_of, text_of
from tests.payments.conftest import after, sent

pytestmark = pytest.mark.django_db

LIST = "/admin/payments/webhookendpoint/"
ADD = f"{LIST}add/"
# A literal public address: no name has to be looked up.
URL = "https://93.184.215.14/events"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{32,}")
OLD = "whsec_" + "c2VjcmV0" * 5
# What each act is sent besides a reason.
FIELDS: dict[str, dict[str, Any]] = {
    "rotate": {"hours": 24},
    "redeliver": {"since": "2020-01-01 00:00", "what": "everything"},
}
MANAGERS_ACTS = {"rotate", "delete"}


@pytest.fixture
def endpoint(shop: Client) -> WebhookEndpoint:
    made = WebhookEndpoint.objects.create(client=shop, url=URL, description="Orders", secret=OLD)
    return WebhookEndpoint.objects.get(pk=made.pk)


@pytest.fixture
def manager(db: None) -> Browser:
    """An operator who may also make and change endpoints."""
    browser = browser_of("keeper", "Operator")
    User.objects.get(username="keeper").user_permissions.add(Permission.objects.get(codename="add_webhookendpoint"))
    return browser


def fields(shop: Client, **changes: Any) -> dict[str, Any]:
    return {"client": shop.pk, "url": URL, "types": ["payment.succeeded"], "description": "Orders", **changes}


def page_of(endpoint: WebhookEndpoint) -> str:
    return f"{LIST}{endpoint.pk}/change/"


def do(browser: Browser, endpoint: WebhookEndpoint, slug: str, **more: Any) -> Any:
    data = {"reason": "shop asked", **FIELDS.get(slug, {}), **more}
    return browser.post(f"{LIST}{endpoint.pk}/do/{slug}/", data)


def do_and_follow(browser: Browser, endpoint: WebhookEndpoint, slug: str, **more: Any) -> str:
    response = do(browser, endpoint, slug, **more)
    return text_of(browser, response["Location"])


def told(shop: Client, number: int = 1) -> None:
    after(sent(shop, f"key-{number}", order=f"order-{number}"), Kind.SUCCEEDED)
    publish()


def row() -> dict[str, Any]:
    return dict(WebhookEndpoint.objects.values().get())


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


@pytest.mark.parametrize("slug", ACTS)
def test_a_get_asks_and_does_nothing(endpoint: WebhookEndpoint, administrator: Browser, slug: str) -> None:
    before = row()
    page = text_of(administrator, f"{LIST}{endpoint.pk}/do/{slug}/")
    assert "This cannot be done now" in page if slug == "enable" else 'name="reason"' in page
    assert (row(), Delivery.objects.count(), LogEntry.objects.count()) == (before, 0, 0)


@pytest.mark.parametrize("slug", sorted(set(ACTS) - {"enable"}))
def test_without_a_reason_nothing_is_done(endpoint: WebhookEndpoint, administrator: Browser, slug: str) -> None:
    before = row()
    assert do(administrator, endpoint, slug, reason=" ").status_code == 200
    assert (row(), Delivery.objects.count(), LogEntry.objects.count()) == (before, 0, 0)


@pytest.mark.parametrize("slug", ACTS)
def test_only_those_who_may_can_act(
    endpoint: WebhookEndpoint, viewer: Browser, operator: Browser, manager: Browser, slug: str
) -> None:
    if slug == "enable":
        WebhookEndpoint.objects.update(is_enabled=False, disabled_at=Now())
    before = row()
    refused = [viewer] + ([operator] if slug in MANAGERS_ACTS else [])
    for browser in refused:
        assert do(browser, endpoint, slug).status_code == 403
        assert text_of(browser, f"{LIST}{endpoint.pk}/do/{slug}/", 403)
        assert f"/do/{slug}/" not in text_of(browser, page_of(endpoint))
    assert (row(), Delivery.objects.count()) == (before, 0)
    able = manager if slug in MANAGERS_ACTS else operator
    assert f"/do/{slug}/" in text_of(able, page_of(endpoint))
    assert do(able, endpoint, slug).status_code in {200, 302}
    assert LogEntry.objects.get().change_message == f"{ACTS[slug].label}: shop asked"


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


def test_a_test_event_is_sent_to_this_endpoint_alone(
    shop: Client, endpoint: WebhookEndpoint, operator: Browser
) -> None:
    WebhookEndpoint.objects.create(client=shop, url=f"{URL}/other", secret="whsec_x")
    do(operator, endpoint, "test")
    delivery = Delivery.objects.get()
    assert (delivery.endpoint_id, delivery.event.type) == (endpoint.pk, "endpoint.test")
    assert "endpoint.test" in text_of(operator, page_of(endpoint))


def test_an_endpoint_is_disabled_and_enabled(endpoint: WebhookEndpoint, operator: Browser) -> None:
    do(operator, endpoint, "disable")
    assert (row()["is_enabled"], row()["disabled_why"]) == (False, "shop asked")
    page = text_of(operator, page_of(endpoint))
    assert "shop asked" in page
    assert "disabled" in page
    assert do(operator, endpoint, "test").status_code == 200
    assert Delivery.objects.count() == 0
    do(operator, endpoint, "enable")
    assert (row()["is_enabled"], row()["disabled_at"], row()["disabled_why"]) == (True, None, "")


def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(endpoint: WebhookEndpoint, manager: Browser) -> None:
    response = do(manager, endpoint, "rotate", hours=2)
    found = WebhookEndpoint.objects.get()
    page = response.content.decode()
    assert ("no-store" in response["Cache-Control"], SECRET.findall(page)) == (True, [found.secret])
    assert (found.secret != OLD, found.old_secret) == (True, OLD)
    until = found.old_secret_until
    assert until is not None
    assert timedelta(minutes=119) < until - database_now() <= timedelta(hours=2)
    assert f"{until:%Y-%m-%d %H:%M:%S} UTC" in page
    assert "whsec_" not in text_of(manager, page_of(endpoint))


@pytest.mark.parametrize("hours", ["", "-1", "169", "x", "1.5"])
def test_an_overlap_that_is_none_changes_no_secret(endpoint: WebhookEndpoint, manager: Browser, hours: str) -> None:
    assert do(manager, endpoint, "rotate", hours=hours).status_code == 200
    assert row()["secret"] == OLD


@pytest.mark.parametrize(("more", "count"), [({"what": "failed"}, 1), ({}, 2), ({"since": "2999-01-01 00:00"}, 0)])
def test_events_since_a_moment_are_delivered_again(
    shop: Client, endpoint: WebhookEndpoint, operator: Browser, more: dict[str, str], count: int
) -> None:
    told(shop)
    Delivery.objects.update(state="delivered", due_at=None)
    Delivery.objects.filter(pk=Delivery.objects.latest("pk").pk).update(state="failed")
    do(operator, endpoint, "redeliver", **more)
    assert Delivery.objects.filter(state="pending").count() == count


def test_what_happened_while_it_was_off_is_delivered_by_choosing_everything_and_said_to_be_left_out_otherwise(
    shop: Client, endpoint: WebhookEndpoint, operator: Browser
) -> None:
    told(shop)
    do(operator, endpoint, "disable")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}
    told(shop, 2)
    assert Delivery.objects.count() == 2
    off_at = f"{row()['disabled_at']:%Y-%m-%d %H:%M:%S} UTC"
    page = do_and_follow(operator, endpoint, "enable")
    assert f"It was switched off at {off_at}." in page
    page = do_and_follow(operator, endpoint, "redeliver", what="failed")
    assert "2 events are delivered again. Included: events since 2020-01-01 00:00:00 UTC that were on their way" in page
    assert "Not included: what happened while the endpoint was switched off." in page
    page = do_and_follow(operator, endpoint, "redeliver")
    assert "4 events are delivered again. Included: all events since 2020-01-01 00:00:00 UTC" in page
    assert "also those that happened while it was switched off" in page
    assert Delivery.objects.filter(state="pending").count() == 4


@pytest.mark.parametrize("what", ["", "all", "on"])
def test_without_a_known_choice_nothing_is_delivered_again(
    shop: Client, endpoint: WebhookEndpoint, operator: Browser, what: str
) -> None:
    told(shop)
    Delivery.objects.update(state="failed", due_at=None)
    assert do(operator, endpoint, "redeliver", what=what).status_code == 200
    assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}


@pytest.mark.parametrize("since", ["", "yesterday", "0001-01-01 00:00", "1999-12-31 23:59", "2026-13-01 00:00"])
def test_since_a_moment_that_is_none_nothing_is_delivered(
    shop: Client, endpoint: WebhookEndpoint, operator: Browser, since: str
) -> None:
    told(shop)
    Delivery.objects.update(state="failed", due_at=None)
    assert do(operator, endpoint, "redeliver", since=since).status_code == 200
    assert set(Delivery.objects.values_list("state", flat=True)) == {"failed"}


def test_a_deleted_endpoint_keeps_its_log_and_takes_no_act(
    shop: Client, endpoint: WebhookEndpoint, administrator: Browser
) -> None:
    told(shop)
    assert do(administrator, endpoint, "delete")["Location"] == page_of(endpoint)
    page = text_of(administrator, page_of(endpoint))
    assert "payment.succeeded" in page
    assert "/do/" not in page
    assert do(administrator, endpoint, "enable").status_code == 404
    assert administrator.get(f"{LIST}{endpoint.pk}/edit/").status_code == 404
    assert endpoint.url not in text_of(administrator, LIST)
    assert endpoint.url in text_of(administrator, f"{LIST}?queue=deleted")


@pytest.mark.parametrize("path", ["we_x/change/", f"we_{'0' * 26}/change/", f"we_{'0' * 26}/do/test/", "%00/change/"])
def test_an_endpoint_that_does_not_exist_is_not_found(administrator: Browser, path: str) -> None:
    assert administrator.get(f"{LIST}{path}").status_code == 404


def test_an_act_that_does_not_exist_is_not_found(endpoint: WebhookEndpoint, administrator: Browser) -> None:
    assert do(administrator, endpoint, "burn").status_code == 404


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
