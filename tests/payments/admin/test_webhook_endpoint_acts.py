"""What can be done with a webhook endpoint in the console, and who may do it (requirements G4, G7)."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db.models.functions import Now
from django.test import Client as Browser

from payments.admin.webhook_endpoint.acts import ACTS
from payments.clock import database_now
from payments.models import Client, Delivery, WebhookEndpoint
from tests.payments.admin.conftest import text_of
from tests.payments.admin.endpoint_pages import LIST, OLD, SECRET, URL, do, page_of, row, told

pytestmark = pytest.mark.django_db

MANAGERS_ACTS = {"rotate", "delete"}


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


def test_an_act_that_does_not_exist_is_not_found(endpoint: WebhookEndpoint, administrator: Browser) -> None:
    assert do(administrator, endpoint, "burn").status_code == 404
