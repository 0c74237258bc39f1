"""`manage.py seed_demo`: the same login and key at every run, and never in production."""

import json
import stat
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from django.utils import timezone
from pytest_django import Settings

from payments.models import SCOPES, ApiKey, Client, WebhookEndpoint
from paysite.demo.event_inbox.address import DEMO_SIGNING_SECRET

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def var(tmp_path: Path, settings: Settings) -> Path:
    settings.VAR_DIR = tmp_path / "var"
    # The real one takes half a second on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return tmp_path / "var"


def seed() -> dict[str, Any]:
    output = StringIO()
    call_command("seed_demo", stdout=output)
    lines = output.getvalue().splitlines()
    assert len(lines) == 1
    answer: dict[str, Any] = json.loads(lines[0])
    assert answer.keys() == {"login", "apiKey"}
    return answer


def test_the_login_opens_the_console() -> None:
    login = seed()["login"]
    assert login["username"] == "operator"
    assert User.objects.get(username="operator").is_superuser
    assert Browser().login(**login)


def test_what_takes_two_people_can_be_tried_with_the_same_password() -> None:
    password = seed()["login"]["password"]
    for name, role in (("clerk", "Operator"), ("supervisor", "Supervisor")):
        user = User.objects.get(username=name)
        assert (user.is_superuser, [group.name for group in user.groups.all()]) == (False, [role])
        assert Browser().login(username=name, password=password)


def test_the_api_key_has_every_scope_and_works() -> None:
    key = seed()["apiKey"]
    assert key.startswith("psk_test_")
    assert ApiKey.objects.get().scopes == list(SCOPES)
    reply = Browser().get("/api/payments", headers={"Authorization": f"Bearer {key}"})
    assert reply.status_code == 200


def test_the_shop_may_send_customers_back_to_this_site(settings: Settings) -> None:
    seed()
    shop = Client.objects.get()
    assert (shop.slug, shop.name, shop.return_origins) == ("demo-shop", "Demo shop", [settings.PUBLIC_URL])
    assert len(shop.form_secret) == 64


def test_a_second_run_gives_the_same_and_adds_nothing() -> None:
    first = seed()
    before = [list(model.objects.values()) for model in (User, Client, ApiKey, WebhookEndpoint)]
    assert seed() == first
    assert [list(model.objects.values()) for model in (User, Client, ApiKey, WebhookEndpoint)] == before


def test_a_new_database_gets_the_same_login_and_key() -> None:
    first = seed()
    for model in (WebhookEndpoint, ApiKey, Client, User):
        model.objects.all().delete()
    assert seed() == first


def test_another_port_is_added_to_where_customers_may_return(settings: Settings) -> None:
    seed()
    settings.PUBLIC_URL = "http://127.0.0.1:8001"
    seed()
    assert Client.objects.get().return_origins[-1] == "http://127.0.0.1:8001"
    assert len(Client.objects.get().return_origins) == 2


def test_the_shop_gets_all_its_events_at_its_inbox() -> None:
    seed()
    endpoint = WebhookEndpoint.objects.get()
    where = f"{settings.DEMO_INBOX_URL}/events"
    assert (endpoint.client, endpoint.url, endpoint.types) == (Client.objects.get(), where, [])
    assert (endpoint.secret, endpoint.is_enabled) == (DEMO_SIGNING_SECRET, True)


def test_an_inbox_that_was_switched_off_gets_events_again() -> None:
    seed()
    now = timezone.now()
    WebhookEndpoint.objects.update(
        url="http://127.0.0.1:1/events", is_enabled=False, disabled_at=now, disabled_why="410", failing_since=now
    )
    seed()
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.url, endpoint.is_enabled, endpoint.disabled_why) == (f"{settings.DEMO_INBOX_URL}/events", True, "")
    assert (endpoint.disabled_at, endpoint.failing_since) == (None, None)


def test_the_shops_other_endpoints_are_its_own_business() -> None:
    seed()
    other = WebhookEndpoint.objects.create(client=Client.objects.get(), url="https://shop.example/e", is_enabled=False)
    seed()
    other.refresh_from_db()
    assert (other.url, other.is_enabled) == ("https://shop.example/e", False)
    assert WebhookEndpoint.objects.count() == 2


def test_a_changed_password_is_set_back_to_the_one_that_is_printed() -> None:
    login = seed()["login"]
    user = User.objects.get(username="operator")
    user.set_password("another")
    user.save()
    seed()
    assert Browser().login(**login)


def test_a_revoked_key_stays_revoked_and_a_new_one_is_printed() -> None:
    old = seed()["apiKey"]
    ApiKey.objects.update(revoked_at=timezone.now())
    new = seed()["apiKey"]
    assert new != old
    assert seed()["apiKey"] == new
    assert ApiKey.objects.filter(revoked_at__isnull=False).count() == 1


def test_only_the_owner_can_read_the_secrets(var: Path) -> None:
    seed()
    seed()
    assert [file.name for file in var.iterdir()] == ["demo-secrets.json"]
    assert stat.S_IMODE((var / "demo-secrets.json").stat().st_mode) == 0o600


def test_production_is_refused_and_nothing_is_made(settings: Settings, var: Path) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="not for production"):
        call_command("seed_demo")
    assert not var.exists()
    assert [model.objects.count() for model in (User, Client, ApiKey, WebhookEndpoint)] == [0, 0, 0, 0]
