"""Shops are added by those who may; their secret is shown to those alone (G8)."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client as Browser

from payments.models import Client
from tests.payments.admin.conftest import text_of

pytestmark = pytest.mark.django_db

ADD = "/admin/payments/client/add/"
FIELDS: dict[str, Any] = {
    "slug": "lamps",
    "name": "Lamps & Co",
    "support_email": "help@lamps.example",
    "technical_email": "it@lamps.example",
    "return_origins": '["https://lamps.example", "http://127.0.0.1:8000"]',
    "is_active": "on",
}


def test_a_new_client_gets_a_secret_that_nobody_typed(administrator: Browser) -> None:
    assert administrator.post(ADD, FIELDS).status_code == 302
    client = Client.objects.get()
    assert (client.slug, client.return_origins) == ("lamps", ["https://lamps.example", "http://127.0.0.1:8000"])
    assert client.technical_email == "it@lamps.example"
    assert len(client.form_secret) == 43
    assert LogEntry.objects.count() == 1


@pytest.mark.parametrize(
    "origins",
    [
        '"https://lamps.example"',
        "[1]",
        '["https://lamps.example/"]',
        '["https://lamps.example:443"]',
        '["http://lamps.example:80"]',
        '["https://Lamps.example"]',
        '["lamps.example"]',
        '["javascript:alert(1)"]',
        '["https://lamps.example\\n"]',
        '["https://a@lamps.example"]',
    ],
)
def test_what_is_no_origin_is_refused(administrator: Browser, origins: str) -> None:
    assert administrator.post(ADD, {**FIELDS, "return_origins": origins}).status_code == 200
    assert Client.objects.count() == 0


def test_changing_a_client_keeps_its_secret_and_its_slug(shop: Client, administrator: Browser) -> None:
    url = f"/admin/payments/client/{shop.pk}/change/"
    assert administrator.post(url, {**FIELDS, "slug": "other", "form_secret": "mine"}).status_code == 302
    shop.refresh_from_db()
    assert (shop.slug, shop.name, shop.form_secret) == ("shop", "Lamps & Co", "form-secret")


def test_the_secret_is_masked_for_those_who_only_view(
    shop: Client, administrator: Browser, operator: Browser, viewer: Browser
) -> None:
    Client.objects.update(form_secret="s3cr3t-s3cr3t-s3cr3t")
    url = f"/admin/payments/client/{shop.pk}/change/"
    assert "s3cr3t-s3cr3t-s3cr3t" in text_of(administrator, url)
    for browser in (operator, viewer):
        page = text_of(browser, url)
        assert "s3cr3t-s3cr3t-s3cr3t" not in page
        assert "s3cr3t…" in page


def test_the_roles_do_not_add_or_change_clients(shop: Client, operator: Browser, viewer: Browser) -> None:
    for browser in (operator, viewer):
        assert browser.post(ADD, FIELDS).status_code == 403
        assert browser.post(f"/admin/payments/client/{shop.pk}/change/", FIELDS).status_code == 403
    assert list(Client.objects.values_list("name", flat=True)) == ["Shop"]


def test_nobody_deletes_a_client(shop: Client, administrator: Browser) -> None:
    url = f"/admin/payments/client/{shop.pk}/delete/"
    assert administrator.post(url, {"post": "yes"}).status_code == 403
    assert Client.objects.count() == 1
