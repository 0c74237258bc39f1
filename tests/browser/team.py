"""People of the team at the console in a real browser, each with a profile of their own, and payments for them."""

import re
import time
from collections.abc import Callable
from typing import Any, Final

import requests
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, expect

from tests.browser.site import Site

# Milliseconds in which a refund goes from requested to settled on a busy machine.
SETTLED: Final = 15_000
_USERS: Final = """
from django.contrib.auth.models import Group, User
for name, role in (("anna", "Operator"), ("otto", "Operator"), ("sue", "Supervisor"), ("vera", "Viewer")):
    user, _ = User.objects.get_or_create(username=name, defaults={"is_staff": True})
    user.set_password(f"{name}-of-the-team")
    user.save()
    user.groups.set(Group.objects.filter(name=role))
"""

MakePerson = Callable[..., "Person"]


def hire(site: Site) -> None:
    """Make the users: anna and otto are operators, sue is a supervisor, vera a viewer."""
    site.run(_USERS)


def paid(site: Site, order: str, amount: str = "100.00", currency: str = "USD") -> str:
    """Have an order paid by API; return the payment's id once it is."""
    body = {
        "idempotencyKey": f"{order}-pay",
        "amount": float(amount),
        "currency": currency,
        "paymentMethod": {"type": "card", "token": "tok_success"},
        "metadata": {"orderID": order},
    }
    headers = {"Authorization": f"Bearer {site.api_key}"}
    reply = requests.post(f"{site.url}/api/payments/process", json=body, headers=headers, timeout=15)
    payment_id = str(reply.json()["paymentID"])
    ends_at = time.monotonic() + 20
    while site.payments(order)[0]["status"] != "success":
        assert time.monotonic() < ends_at, site.payments(order)
        time.sleep(0.2)
    return payment_id


def refunds_at_gateway(site: Site, payment_id: str) -> list[tuple[str, int]]:
    """Return (status, amount) of every refund of the payment in the gateways' own ledgers."""
    made = [refund for gateway in (site.gateway, site.second) for refund in gateway.refunds(reference=payment_id)]
    return sorted((refund["status"], refund["amount"]) for refund in made)


class Person:
    """One browser profile, logged in."""

    def __init__(self, site: Site, browser: Browser, name: str, **profile: Any) -> None:
        self.site, self.name = site, name
        self.context: BrowserContext = browser.new_context(base_url=site.url, **profile)
        self.context.set_default_timeout(10_000)
        self.complaints: list[str] = []
        self.sent: list[Request] = []
        self.widths: dict[str, int] = {}
        self.page: Page = self.context.new_page()
        self.page.on("console", self._note_message)
        self.page.on("pageerror", self._note_error)
        self.context.on("request", self._note_request)
        self._log_in()

    def _note_request(self, request: Request) -> None:
        self.sent.append(request)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _note_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    def _log_in(self) -> None:
        self.page.goto("/admin/login/")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("Password").fill(f"{self.name}-of-the-team")
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Work queues")).to_be_visible()

    def opens_payment(self, payment_id: str) -> None:
        self.page.goto(f"/admin/payments/payment/{payment_id}/change/")

    def begins_refund(self, payment_id: str, amount: str, note: str = "") -> None:
        """Go from the payment's page over the form to the page that says what will happen."""
        self.opens_payment(payment_id)
        self.measure()
        self.page.get_by_role("link", name="Refund…").click()
        self.measure()
        self.page.get_by_label("Amount in").fill(amount)
        self.page.get_by_label("Reason").select_option(label="Customer's request")
        self.page.get_by_label("Note").fill(note)
        self.page.get_by_role("button", name="Go on").click()
        expect(self.page.get_by_role("heading", name=f"Refund {amount}")).to_be_visible()
        self.measure()

    def sees_refund(self, state: str) -> None:
        """Reload the refund's page, once what was pressed has led there, until it says `state`."""
        self.page.wait_for_url(re.compile(r"/refunds/refund/rf_\w+/change/"))
        ends_at = time.monotonic() + SETTLED / 1000
        label = self.page.locator(".console-head").get_by_text(state, exact=True)
        while label.count() == 0:
            assert time.monotonic() < ends_at, self.page.locator(".console-head").inner_text()
            time.sleep(0.3)
            self.page.reload()

    def measure(self) -> None:
        self.widths[self.page.url] = self.page.evaluate("document.documentElement.scrollWidth")

    def posts(self) -> int:
        """Return how often the browser asked for a refund or for what will happen."""
        return sum(request.method == "POST" and "/refund/of/" in request.url for request in self.sent)

    def leave(self) -> None:
        self.context.close()
        assert self.complaints == []
