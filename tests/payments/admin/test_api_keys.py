"""API keys: issued by those who may, shown once, stored hashed, revoked with a reason (G6)."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client as Browser

from payments.models import ApiKey, Client
from payments.models.client import digest_of
from tests.payments.admin.conftest import browser_of, text_of

pytestmark = pytest.mark.django_db

ADD = "/admin/payments/apikey/add/"
LIST = "/admin/payments/apikey/"
KEY = re.compile(r"psk_(?:test|live)_[A-Za-z0-9_-]{32}")


def fields(shop: Client, **changes: Any) -> dict[str, Any]:
    return {"client": shop.pk, "label": "Web shop", "scopes": ["payments:read", "payments:write"], **changes}


def issue(browser: Browser, shop: Client) -> str:
    response = browser.post(ADD, fields(shop))
    assert response.status_code == 200
    found = KEY.search(response.content.decode())
    assert found is not None
    return found[0]


def test_a_key_is_shown_once_and_stored_as_a_hash(shop: Client, administrator: Browser) -> None:
    key = issue(administrator, shop)
    row = ApiKey.objects.get()
    assert (row.digest, row.hint, row.label, row.mode) == (digest_of(key), key[:13], "Web shop", "test")
    assert row.scopes == ["payments:read", "payments:write"]
    for url in (LIST, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/history/", "/admin/"):
        assert key not in text_of(administrator, url)
    assert [key in str(value) for value in ApiKey.objects.values().get().values()].count(True) == 0


def test_the_page_with_the_key_is_not_stored(shop: Client, administrator: Browser) -> None:
    response = administrator.post(ADD, fields(shop))
    assert "no-store" in response["Cache-Control"]


def test_outside_the_demo_keys_are_live_ones(shop: Client, administrator: Browser, settings: Any) -> None:
    settings.DEMO = False
    assert issue(administrator, shop).startswith("psk_live_")
    assert ApiKey.objects.get().mode == "live"


def test_issuing_is_in_the_keys_history(shop: Client, administrator: Browser) -> None:
    issue(administrator, shop)
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.object_id) == ("root", str(ApiKey.objects.get().pk))
    assert entry.change_message == "Issued with payments:read, payments:write"


@pytest.mark.parametrize("changes", [{"scopes": []}, {"scopes": ["everything"]}, {"client": 0}, {"label": "x" * 101}])
def test_a_key_for_nothing_or_nobody_is_not_issued(
    shop: Client, administrator: Browser, changes: dict[str, Any]
) -> None:
    assert administrator.post(ADD, fields(shop, **changes)).status_code == 200
    assert ApiKey.objects.count() == 0


def test_a_get_shows_the_form_and_issues_nothing(shop: Client, administrator: Browser) -> None:
    assert "payments:write" in text_of(administrator, ADD)
    assert ApiKey.objects.count() == 0


def test_revoking_takes_a_reason_and_is_in_the_keys_history(shop: Client, administrator: Browser) -> None:
    issue(administrator, shop)
    row = ApiKey.objects.get()
    revoke = f"{LIST}{row.pk}/revoke/"
    assert revoke in text_of(administrator, f"{LIST}{row.pk}/change/")
    administrator.get(f"{revoke}?reason=leaked")
    administrator.post(revoke, {"reason": " "})
    row.refresh_from_db()
    assert row.revoked_at is None
    administrator.post(revoke, {"reason": "leaked"})
    row.refresh_from_db()
    revoked_at = row.revoked_at
    assert revoked_at is not None
    assert LogEntry.objects.latest("id").change_message == "Revoked: leaked"
    assert revoke not in text_of(administrator, f"{LIST}{row.pk}/change/")
    administrator.post(revoke, {"reason": "again"})
    row.refresh_from_db()
    assert row.revoked_at == revoked_at
    assert LogEntry.objects.count() == 2


def test_a_key_cannot_be_edited_or_deleted(shop: Client, administrator: Browser) -> None:
    issue(administrator, shop)
    row = ApiKey.objects.get()
    assert administrator.post(f"{LIST}{row.pk}/change/", fields(shop, scopes=["audit:read"])).status_code == 403
    assert administrator.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert ApiKey.objects.get().scopes == ["payments:read", "payments:write"]


def test_an_operator_neither_issues_nor_revokes_without_the_permission(
    shop: Client, administrator: Browser, operator: Browser
) -> None:
    issue(administrator, shop)
    row = ApiKey.objects.get()
    assert operator.get(ADD).status_code == 403
    assert operator.post(ADD, fields(shop)).status_code == 403
    assert operator.post(f"{LIST}{row.pk}/revoke/", {"reason": "leaked"}).status_code == 403
    assert "revoke" not in text_of(operator, f"{LIST}{row.pk}/change/").lower().replace("revoked", "")
    assert ApiKey.objects.get(revoked_at=None).pk == row.pk


def test_an_operator_with_the_permission_issues_a_key(shop: Client) -> None:
    browser = browser_of("keeper", "Operator")
    User.objects.get(username="keeper").user_permissions.add(Permission.objects.get(codename="add_apikey"))
    issue(browser, shop)
    assert ApiKey.objects.count() == 1


def test_a_key_that_does_not_exist_is_not_found(administrator: Browser) -> None:
    assert administrator.get(f"{LIST}99/revoke/").status_code == 404
