"""A gateway whose pages do not come: the customer types the card at another one and is charged once (B7, F6)."""

import os
import re
import signal
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeCustomer
from tests.browser.customer import GOOD_CARD, Customer
from tests.browser.site import Site

pytestmark = [pytest.mark.slow, pytest.mark.once]

ONE_CHARGE = [("succeeded", 1800, "USD")]
# Milliseconds in which the page gives up a form, on a busy machine.
GIVEN_UP = 15_000
NOT_NOTICED = """
from datetime import timedelta
from django.db.models.functions import Now
from payments.models import Circuit, GatewayHealth
Circuit.objects.all().delete()
GatewayHealth.objects.update(healthy=True, due_at=Now() + timedelta(seconds=9))
"""
SHUT_OFF = 'from payments.services import circuits\ncircuits.hold_open("primary", "charge", "anna", "test")'


@pytest.fixture
def outage(new_customer: MakeCustomer, site: Site) -> Iterator[Site]:
    """The site just before its gateways go away, which nothing has noticed yet; well again afterwards."""
    site.run(NOT_NOTICED)
    yield site
    for gateway in (site.gateway, site.second):
        if gateway.process.poll() is None:
            os.kill(gateway.pid, signal.SIGCONT)
        else:
            gateway.start()
    site.run(NOT_NOTICED)


def freeze(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def at_the_second(customer: Customer) -> None:
    """Wait until the page shows the second gateway's card form; meanwhile nothing can be sent."""
    page = customer.page
    expect(page.get_by_role("button", name="Pay 18.00 USD")).to_be_disabled()
    page.wait_for_url("**?avoid=primary", timeout=GIVEN_UP)
    source = re.compile(f"^{re.escape(customer.site.second.url)}/fields")
    expect(page.locator("#card-fields iframe")).to_have_attribute("src", source)
    expect(page.get_by_role("button", name="Pay 18.00 USD")).to_be_enabled()


def test_a_frozen_gateways_form_is_replaced_and_the_customer_pays_once_at_the_second(
    customer: Customer, outage: Site
) -> None:
    customer.order_a_mug()
    freeze(outage.gateway.pid)
    customer.page.reload(wait_until="commit")
    at_the_second(customer)
    outage.run(SHUT_OFF)
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    os.kill(outage.gateway.pid, signal.SIGCONT)
    assert outage.charges(customer.order) == ONE_CHARGE
    (payment,) = outage.payments(customer.order)
    assert outage.gateway.charges(reference=payment["paymentID"]) == []
    assert customer.posts_to_pay() == 1


def test_a_dead_gateways_form_is_replaced_and_its_payment_goes_on_at_the_second(
    customer: Customer, outage: Site
) -> None:
    customer.order_a_mug()
    outage.gateway.kill()
    customer.page.reload(wait_until="commit")
    at_the_second(customer)
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    outage.gateway.start()
    assert outage.charges(customer.order) == ONE_CHARGE
    assert all("ERR_CONNECTION_REFUSED" in complaint for complaint in customer.complaints)
    customer.complaints.clear()


def test_without_javascript_the_other_gateways_page_takes_the_card(new_customer: MakeCustomer, outage: Site) -> None:
    customer = new_customer(java_script_enabled=False)
    page = customer.page
    customer.order_a_mug()
    outage.gateway.kill()
    page.get_by_role("link", name="Use the other one").click()
    assert page.url.startswith(outage.second.url)
    page.get_by_label("Card number").fill(GOOD_CARD)
    page.get_by_label("Expiry date").fill("12/39")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Use this card").click()
    page.get_by_role("button", name="Pay 18.00 USD").click()
    customer.sees("Paid. Thank you!")
    outage.gateway.start()
    assert outage.charges(customer.order) == ONE_CHARGE


def test_a_form_that_comes_after_all_can_be_used(customer: Customer, outage: Site) -> None:
    customer.order_a_mug()
    freeze(outage.gateway.pid, outage.second.pid)
    customer.page.reload(wait_until="commit")
    sorry = customer.page.get_by_role("heading", name="We cannot take card payments at this moment")
    expect(sorry).to_be_visible(timeout=2 * GIVEN_UP)
    for gateway in (outage.gateway, outage.second):
        os.kill(gateway.pid, signal.SIGCONT)
    expect(sorry).to_be_hidden()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    assert outage.charges(customer.order) == ONE_CHARGE
