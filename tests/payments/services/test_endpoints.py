"""Endpoints are made, changed, tested and switched off (requirements D3, G7)."""

import base64
import logging
from datetime import timedelta

import pytest
from django.db.models.functions import Now

from payments.models import Client, Delivery, Event, WebhookEndpoint
from payments.services import endpoints, publish
from payments.services.redeliver import redeliver
from tests.payments.conftest import BECAUSE
from tests.payments.services.delivering import delivery, endpoint_at, happened, reload

pytestmark = pytest.mark.django_db
URL = "https://shop.example/events"


def test_a_new_endpoint_has_a_secret_of_256_random_bits_that_no_log_shows(
    shop: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        one, two = endpoint_at(shop, URL), endpoint_at(shop, URL)
        endpoints.rotate(one, timedelta(hours=1), BECAUSE)
    assert one.secret.startswith("whsec_")
    assert len(base64.b64decode(one.secret.removeprefix("whsec_"))) == 32
    assert one.secret != two.secret
    assert "whsec_" not in caplog.text
    assert f"endpoint {one.pk} given a new secret by worker:test (job:test)" in caplog.text


def test_a_client_has_at_most_twenty_endpoints(shop: Client) -> None:
    made = [endpoint_at(shop, URL) for _ in range(endpoints.MOST)]
    with pytest.raises(endpoints.TooManyEndpointsError):
        endpoint_at(shop, URL)
    assert WebhookEndpoint.objects.count() == 20
    endpoints.delete(made[0], BECAUSE)
    endpoint_at(shop, URL)


@pytest.mark.parametrize("types", [["payment.paid"], ["payment.failed", "payment.failed"], ["payment.failed", ""]])
def test_types_that_are_none_are_refused(shop: Client, types: list[str]) -> None:
    with pytest.raises(endpoints.BadTypesError) as refused:
        endpoints.create(shop.pk, URL, types, "", BECAUSE)
    assert refused.value.unknown == [types[-1]]
    assert not WebhookEndpoint.objects.exists()


def test_only_what_is_given_is_changed(shop: Client) -> None:
    endpoint = endpoint_at(shop, URL, "payment.failed")
    endpoints.change(endpoint, description="Orders", because=BECAUSE)
    endpoints.change(endpoint, types=[], because=BECAUSE)
    changed = reload(endpoint)
    assert (changed.url, changed.types, changed.description) == (URL, [], "Orders")
    assert changed.secret == endpoint.secret


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_an_overlap_out_of_bounds_changes_no_secret(shop: Client, overlap: timedelta) -> None:
    endpoint = endpoint_at(shop, URL)
    with pytest.raises(endpoints.BadOverlapError):
        endpoints.rotate(endpoint, overlap, BECAUSE)
    assert reload(endpoint).secret == endpoint.secret


def test_without_an_overlap_the_old_secret_is_gone(shop: Client) -> None:
    endpoint = endpoint_at(shop, URL)
    rotated = endpoints.rotate(endpoint, timedelta(0), BECAUSE)
    assert (rotated.old_secret, rotated.old_secret_until) == ("", None)
    assert rotated.secret != endpoint.secret


def test_a_test_goes_to_its_endpoint_alone_and_is_published_like_any_event(shop: Client) -> None:
    tested, other = endpoint_at(shop, URL, "payment.failed"), endpoint_at(shop, URL)
    found = endpoints.test(tested, BECAUSE)
    publish.publish()
    event = Event.objects.get()
    assert (event.type, event.position) == ("endpoint.test", 1)
    assert Delivery.objects.get() == found
    assert redeliver(other, BECAUSE, event_ids=[event.pk]) == 0
    assert redeliver(tested, BECAUSE, event_ids=[event.pk]) == 1


def test_what_is_switched_off_is_not_tested_and_gets_nothing_again(shop: Client) -> None:
    endpoint = endpoint_at(shop, URL)
    event = happened(shop)
    publish.publish()
    endpoints.disable(endpoint, "moving", BECAUSE)
    for act in (endpoints.test, redeliver):
        with pytest.raises(endpoints.DisabledEndpointError):
            act(endpoint, BECAUSE)
    off = reload(endpoint)
    assert (off.is_enabled, off.disabled_why) == (False, "moving")
    assert off.disabled_at is not None
    row = delivery(event, endpoint)
    assert (row.state, row.note) == ("failed", "The endpoint was switched off: moving")


def test_an_enabled_endpoint_gets_events_from_then_on(shop: Client) -> None:
    endpoint = endpoint_at(shop, URL)
    endpoints.disable(endpoint, "moving", BECAUSE)
    happened(shop)
    publish.publish()
    endpoints.enable(endpoint, BECAUSE)
    later = happened(shop)
    publish.publish()
    on = reload(endpoint)
    assert (on.is_enabled, on.disabled_at, on.disabled_why) == (True, None, "")
    assert Delivery.objects.get().event == later


def test_a_deleted_endpoint_stays_off_and_keeps_no_secret(shop: Client) -> None:
    endpoint = endpoint_at(shop, URL)
    endpoints.delete(endpoint, BECAUSE)
    with pytest.raises(endpoints.DisabledEndpointError):
        endpoints.enable(endpoint, BECAUSE)
    with pytest.raises(endpoints.DisabledEndpointError):
        endpoints.rotate(endpoint, timedelta(0), BECAUSE)
    with pytest.raises(endpoints.DisabledEndpointError):
        endpoints.change(endpoint, description="again", because=BECAUSE)
    gone = reload(endpoint)
    assert (gone.is_enabled, gone.secret) == (False, "")
    assert gone.deleted_at is not None


def test_a_new_address_gets_a_fresh_start(shop: Client) -> None:
    endpoint = endpoint_at(shop, URL)
    WebhookEndpoint.objects.update(failing_since=Now())
    endpoints.change(endpoint, description="same address", because=BECAUSE)
    assert reload(endpoint).failing_since is not None
    endpoints.change(endpoint, url="https://new.shop.example/", because=BECAUSE)
    assert reload(endpoint).failing_since is None
