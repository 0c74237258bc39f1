"""Delivering an endpoint's events again from the console: which, since when, and what is said (G4, G7)."""

from typing import Any

import pytest
from django.test import Client as Browser

from payments.models import Client, Delivery, WebhookEndpoint
from tests.payments.admin.conftest import text_of
from tests.payments.admin.endpoint_pages import do, row, told

pytestmark = pytest.mark.django_db


def do_and_follow(browser: Browser, endpoint: WebhookEndpoint, slug: str, **more: Any) -> str:
    response = do(browser, endpoint, slug, **more)
    return text_of(browser, response["Location"])


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
