"""The demo shop and somebody who visits it."""

import pytest
from django.test import Client as Browser
from pytest_django import Settings

from payments.models import Client
from paysite.demo.seed import SHOP_SLUG


@pytest.fixture
def demo_shop(db: None, settings: Settings) -> Client:
    return Client.objects.create(
        slug=SHOP_SLUG, name="Demo shop", form_secret="demo-secret", return_origins=[settings.PUBLIC_URL]
    )


@pytest.fixture
def visitor(demo_shop: Client) -> Browser:
    return Browser()
