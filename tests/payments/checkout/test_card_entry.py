"""Where cards are typed: at a gateway that is up, whose tokens the others understand (requirements B7, B8)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.models import CheckoutSession, Circuit, GatewayHealth
from payments.reliability.breaker import trial_lease
from payments.reliability.gateways import gateway_named
from payments.services.health import at_work

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


def heard(gateway: str, *, healthy: bool, ago: float = 1) -> None:
    """Let the last health check of `gateway` have been so many seconds ago; the next one is due later."""
    now = timezone.now()
    checked_at, due_at = now - timedelta(seconds=ago), now + timedelta(seconds=9)
    GatewayHealth.objects.create(gateway=gateway, healthy=healthy, checked_at=checked_at, due_at=due_at)


def page_of(browser: Browser, session: CheckoutSession, query: str = "") -> str:
    return browser.get(f"/checkout/{session.token}{query}").content.decode()


def origin_of(browser: Browser, session: CheckoutSession, query: str = "") -> str:
    """Return whose card form the checkout page embeds; its links and its security policy must agree."""
    reply = browser.get(f"/checkout/{session.token}{query}")
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


def test_the_first_stays_avoided_while_only_a_trial_would_show_whether_it_is_back(
    session: CheckoutSession, browser: Browser
) -> None:
    # Nobody could type a card there, so nobody would be the trial.
    opened("primary", try_in=-1)
    heard("primary", healthy=False)
    assert origin_of(browser, session) == SECOND


def test_a_bad_health_check_moves_customers_before_the_breaker_opens(
    session: CheckoutSession, browser: Browser
) -> None:
    heard("primary", healthy=False)
    assert origin_of(browser, session) == SECOND


def test_an_old_health_check_says_nothing(session: CheckoutSession, browser: Browser) -> None:
    heard("primary", healthy=False, ago=61)
    assert origin_of(browser, session) == FIRST


def test_where_no_breaker_is_closed_a_good_health_check_decides(session: CheckoutSession, browser: Browser) -> None:
    opened("primary", "secondary")
    heard("primary", healthy=False)
    heard("secondary", healthy=True)
    assert origin_of(browser, session) == SECOND


def test_a_closed_breaker_goes_before_a_good_health_check(session: CheckoutSession, browser: Browser) -> None:
    opened("primary")
    heard("primary", healthy=True)
    assert origin_of(browser, session) == SECOND


def test_the_choice_costs_two_queries(django_assert_num_queries: Any) -> None:
    opened("primary")
    heard("secondary", healthy=True)
    with django_assert_num_queries(2):
        assert at_work() == ["secondary", "primary"]


def test_a_gateway_whose_form_did_not_come_is_avoided(session: CheckoutSession, browser: Browser) -> None:
    assert f'data-next="/checkout/{session.token}?avoid=primary"' in page_of(browser, session)
    assert origin_of(browser, session, "?avoid=primary") == SECOND
    page = page_of(browser, session, "?avoid=primary")
    assert "data-next" not in page
    assert "use another card form" not in page


def test_where_all_are_avoided_the_best_one_is_shown_as_the_last(session: CheckoutSession, browser: Browser) -> None:
    opened("primary")
    query = "?avoid=secondary&avoid=primary"
    assert origin_of(browser, session, query) == SECOND
    assert "data-next" not in page_of(browser, session, query)


@pytest.mark.parametrize("avoid", ["", "secundary", "https://evil.test", '"><script>', "primary,secondary", "%00"])
def test_only_names_of_gateways_are_believed(session: CheckoutSession, browser: Browser, avoid: str) -> None:
    heard("primary", healthy=True)
    assert origin_of(browser, session, f"?avoid={avoid}") == FIRST
    page = page_of(browser, session, f"?avoid={avoid}")
    assert f'data-next="/checkout/{session.token}?avoid=primary"' in page
    assert "evil" not in page
    assert GatewayHealth.objects.get().due_at > timezone.now()


def test_an_avoided_gateways_health_is_asked_at_once_and_nothing_else_changes(
    session: CheckoutSession, browser: Browser
) -> None:
    for name in ("primary", "secondary"):
        heard(name, healthy=True)
    rows = GatewayHealth.objects.order_by("gateway")
    said = rows.values_list("gateway", "healthy", "checked_at", "since", "in_a_row")
    before, due_before = list(said), list(rows.values_list("due_at", flat=True))
    page_of(browser, session, "?avoid=primary")
    first, second = rows.values_list("due_at", flat=True)
    assert first <= timezone.now() < due_before[0]
    assert (second, list(said.all())) == (due_before[1], before)
    assert not Circuit.objects.exists()


def test_a_health_check_that_is_due_or_under_way_is_left_alone(session: CheckoutSession, browser: Browser) -> None:
    heard("primary", healthy=True)
    for seconds in (-5.0, trial_lease().total_seconds()):
        due_at = timezone.now() + timedelta(seconds=seconds)
        GatewayHealth.objects.update(due_at=due_at)
        page_of(browser, session, "?avoid=primary")
        assert GatewayHealth.objects.get().due_at == due_at


def test_without_javascript_the_other_gateways_page_is_one_link(session: CheckoutSession, browser: Browser) -> None:
    page = page_of(browser, session)
    assert "The card page does not open?" in page
    back = f"http%3A%2F%2Ftestserver%2Fcheckout%2F{session.token}%2Fcard"
    assert f'href="{SECOND}/card?return_url={back}&amp;amount=1250&amp;currency=USD">Use the other one</a>' in page


def test_where_no_form_comes_the_page_has_kind_words_and_other_ways(session: CheckoutSession, browser: Browser) -> None:
    page = page_of(browser, session, "?avoid=primary")
    assert '<section id="no-form" class="no-form" role="alert" hidden>' in page
    assert "We cannot take card payments at this moment" in page
    assert "Nothing was charged, and your order is kept." in page
    assert f'<a class="button primary" href="/checkout/{session.token}">Try again</a>' in page
    assert '<a href="https://shop.test/thanks?lang=en#top">PayPal</a>' in page


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
        page = page_of(browser, session, "?avoid=primary")
        assert SECOND not in page
        assert "The card page does not open?" not in page
