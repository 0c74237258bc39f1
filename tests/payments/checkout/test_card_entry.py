"""Where cards are typed: at a gateway that is up, whose tokens the others understand (requirements B7, B8)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.models import CheckoutSession, Circuit
from payments.reliability.gateways import gateway_named

pytestmark = pytest.mark.django_db(transaction=True)

FIRST, SECOND = "https://first.test", "https://second.test"


@pytest.fixture(autouse=True)
def _two_gateways(settings: Any) -> Any:
    settings.GATEWAYS = [
        {"name": name, "kind": "sandbox", "url": origin, "origin": origin, "secret": "secret"}
        for name, origin in (("primary", FIRST), ("secondary", SECOND))
    ]
    gateway_named.cache_clear()
    yield
    gateway_named.cache_clear()


def opened(*gateways: str, try_in: float = 30) -> None:
    """Open the charge circuits of `gateways`."""
    for gateway in gateways:
        try_at = timezone.now() + timedelta(seconds=try_in)
        Circuit.objects.create(gateway=gateway, operation="charge", state="open", try_at=try_at)


def origin_of(browser: Browser, session: CheckoutSession) -> str:
    """Return whose card form the checkout page embeds; its links and its security policy must agree."""
    reply = browser.get(f"/checkout/{session.token}")
    page = reply.content.decode()
    (origin,) = (origin for origin in (FIRST, SECOND) if f'data-origin="{origin}"' in page)
    assert f'data-fields="{origin}/fields?' in page
    assert f'href="{origin}/card?' in page
    assert origin in reply.headers["Content-Security-Policy"]
    return origin


def test_cards_are_typed_at_the_first_gateway(session: CheckoutSession, browser: Browser) -> None:
    assert origin_of(browser, session) == FIRST


def test_while_the_first_is_down_cards_are_typed_at_the_second(session: CheckoutSession, browser: Browser) -> None:
    opened("primary")
    assert origin_of(browser, session) == SECOND


def test_the_first_comes_back_when_it_may_be_tried_again(session: CheckoutSession, browser: Browser) -> None:
    opened("primary", try_in=-1)
    assert origin_of(browser, session) == FIRST


def test_only_the_breaker_of_charges_counts(session: CheckoutSession, browser: Browser) -> None:
    Circuit.objects.create(gateway="primary", operation="look_up", state="open", try_at=timezone.now())
    assert origin_of(browser, session) == FIRST


def test_where_all_are_down_the_first_is_tried(session: CheckoutSession, browser: Browser) -> None:
    opened("primary", "secondary")
    assert origin_of(browser, session) == FIRST


def test_a_gateway_with_another_vault_takes_no_cards_for_the_first(
    session: CheckoutSession, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened("primary")
    second = gateway_named("secondary")
    for vault in ("of-its-own", ""):
        monkeypatch.setattr(second, "capabilities", replace(second.capabilities, vault=vault))
        assert origin_of(browser, session) == FIRST
