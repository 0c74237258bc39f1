"""Browsers of people who are logged in to the console, and a webhook endpoint for them to work on."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client as Browser

from payments.admin.roles import OPERATOR, VIEWER
from payments.models import Client, WebhookEndpoint
from tests.payments.admin.endpoint_pages import OLD, URL


def browser_of(name: str, *groups: str, is_superuser: bool = False) -> Browser:
    user = User.objects.create_user(name, is_staff=True, is_superuser=is_superuser)
    user.groups.set(Group.objects.filter(name__in=groups))
    browser = Browser(enforce_csrf_checks=False)
    browser.force_login(user)
    return browser


@pytest.fixture
def operator(db: None) -> Browser:
    return browser_of("anna", OPERATOR)


@pytest.fixture
def viewer(db: None) -> Browser:
    return browser_of("vera", VIEWER)


@pytest.fixture
def administrator(db: None) -> Browser:
    return browser_of("root", is_superuser=True)


def text_of(browser: Browser, url: str, status: int = 200) -> str:
    """Return the page at `url`."""
    response = browser.get(url)
    assert response.status_code == status
    return response.content.decode()


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
