"""A customer in a real browser: what people do on the pages, in their words, and what must never be seen meanwhile."""

import re
from typing import Final

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, Page, Request, expect

from tests.browser.site import Site

GOOD_CARD: Final = "4242424242424242"
DECLINED_CARD: Final = "4000000000009995"
CONFIRMED_CARD: Final = "4000002500003155"
MISTYPED_CARD: Final = "4242424242424241"
# Milliseconds in which a payment goes from accepted to settled on a busy machine.
SETTLED: Final = 15_000


class Customer:
    """One browser profile with one page; `order` is the number of the order that was checked out."""

    def __init__(self, site: Site, context: BrowserContext) -> None:
        self.site = site
        self.context = context
        self.order = ""
        self.complaints: list[str] = []
        self.sent: list[Request] = []
        context.on("request", self._note_request)
        self.page = self.watch(context.new_page())

    def watch(self, page: Page) -> Page:
        """Note script errors and violations of the content security policy on `page`."""
        page.on("console", self._note_message)
        page.on("pageerror", self._note_error)
        return page

    def _note_request(self, request: Request) -> None:
        self.sent.append(request)

    def _note_message(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _note_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    def order_a_mug(self) -> None:
        """Go from the shop to the checkout page."""
        page = self.page
        page.goto("/shop/")
        page.get_by_role("button", name="Add Stoneware mug to the cart").click()
        page.get_by_role("link", name="Go to the cart").click()
        page.get_by_label("Your name").fill("Anna Núñez")
        page.get_by_label("E-mail").fill("anna@shop.example")
        page.get_by_role("button", name="Continue").click()
        found = re.search(r"DS-\w+", page.inner_text("main"))
        assert found is not None
        self.order = found.group()
        page.get_by_role("button", name="Go to payment").click()
        page.wait_for_url("**/checkout/chk_*")

    def enter_card(self, number: str) -> None:
        """Type a card into the gateway's form inside our page."""
        form = self.page.frame_locator("#card-fields iframe")
        form.get_by_label("Card number").fill(number)
        form.get_by_label("Expiry date").fill("12/39")
        form.get_by_label("Security code").fill("123")

    def press_pay(self) -> None:
        self.page.get_by_role("button", name="Pay 18.00 USD").click()

    def sees(self, heading: str, *, within: int = SETTLED) -> None:
        """Wait until the page's heading says `heading`, without doing anything."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading, timeout=within)

    def posts_to_pay(self) -> int:
        """Return how often the browser asked us for a payment."""
        return sum(request.method == "POST" and request.url.endswith("/pay") for request in self.sent)

    def leave(self) -> None:
        """Close the browser profile, and check what must be true of every visit."""
        ours = [request for request in self.sent if request.url.startswith(self.site.url)]
        self.context.close()
        assert self.complaints == []
        for request in ours:
            told = re.sub(r"[ +]|%20", "", f"{request.url} {request.post_data or ''}")
            for number in (GOOD_CARD, DECLINED_CARD, CONFIRMED_CARD, MISTYPED_CARD):
                assert number not in told, f"a card number was sent to {request.url}"
