"""How the pages behave in a real browser: narrow phones, the keyboard, and a card form that does not come."""

import pytest
from playwright.sync_api import Route, expect

from tests.browser.conftest import MakeCustomer
from tests.browser.customer import GOOD_CARD, Customer

pytestmark = [pytest.mark.slow, pytest.mark.once]


def test_every_page_fits_a_phone_of_320_pixels(new_customer: MakeCustomer) -> None:
    customer = new_customer(viewport={"width": 320, "height": 640})
    page = customer.page
    widths: dict[str, int] = {}

    def measure() -> None:
        widths[page.title()] = page.evaluate("document.documentElement.scrollWidth")

    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    measure()
    checkout = page.url
    for path in ("/shop/", "/shop/cart", "/shop/order", "/shop/thanks", "/no-such-page"):
        page.goto(path)
        measure()
    page.goto(checkout)
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    measure()
    customer.complaints.clear()  # of the page that is not there
    assert len(widths) == 7
    assert {title: width for title, width in widths.items() if width > 320} == {}


def test_the_whole_checkout_works_with_the_keyboard(customer: Customer) -> None:
    customer.order_a_mug()
    form = customer.page.frame_locator("#card-fields iframe")
    form.get_by_label("Card number").focus()
    keyboard = customer.page.keyboard
    for text in (GOOD_CARD, "1239", "123"):
        keyboard.type(text)
        keyboard.press("Tab")
    for _ in range(6):
        if customer.page.evaluate("document.activeElement.id") == "pay-button":
            break
        keyboard.press("Tab")
    keyboard.press("Enter")
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == [("succeeded", 1800, "USD")]


def test_changes_of_the_status_are_announced(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.page.wait_for_url("**/status")
    region = customer.page.locator("#status")
    assert region.get_attribute("aria-live") == "polite"
    customer.sees("Paid. Thank you!")
    expect(region).to_contain_text("Paid. Thank you!")
    assert customer.page.title() == "Paid. Thank you! · Demo shop"


def test_where_no_gateways_card_form_comes_the_page_says_so_kindly_and_offers_other_ways(customer: Customer) -> None:
    def lost(route: Route) -> None:
        route.abort()

    page = customer.page
    page.route("**/fields?*", lost)
    page.clock.install()
    customer.order_a_mug()
    checkout = page.url
    button = page.get_by_role("button", name="Pay 18.00 USD")
    sorry = page.get_by_role("heading", name="We cannot take card payments at this moment")
    expect(button).to_be_disabled()
    page.clock.fast_forward(6500)
    page.wait_for_url("**?avoid=primary")
    expect(button).to_be_disabled()
    expect(sorry).to_be_hidden()
    page.clock.fast_forward(6500)
    expect(sorry).to_be_visible()
    expect(button).to_be_hidden()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was charged, and your order is kept.")
    ways = page.locator(".alternatives a").all_inner_texts()
    assert ways == ["Card, on the payment provider's page", "PayPal", "Bank transfer"]

    page.unroute("**/fields?*")
    page.get_by_role("link", name="Try again").click()
    expect(button).to_be_enabled()
    assert page.url == checkout
    assert customer.posts_to_pay() == 0
    assert all("ERR_FAILED" in complaint for complaint in customer.complaints)
    customer.complaints.clear()


def test_a_card_form_that_does_not_answer_gives_the_button_back(customer: Customer) -> None:
    def silent(route: Route) -> None:
        route.fulfill(
            content_type="text/html", body="<script>parent.postMessage({type: 'paysite-ready'}, '*')</script>"
        )

    customer.page.route("**/fields?*", silent)
    customer.page.clock.install()
    customer.order_a_mug()
    customer.press_pay()
    expect(customer.page.get_by_role("button", name="Processing…")).to_be_disabled()
    customer.page.clock.fast_forward(21_000)
    expect(customer.page.get_by_role("alert")).to_have_text(
        "The card form did not answer. Nothing was charged. Please try again."
    )
    expect(customer.page.get_by_role("link", name="use another card form")).to_be_visible()
    expect(customer.page.get_by_role("button", name="Pay 18.00 USD")).to_be_enabled()
    assert customer.posts_to_pay() == 0


def test_a_message_from_another_origin_is_not_believed(customer: Customer) -> None:
    customer.order_a_mug()
    customer.page.locator(".card-fields.ready").wait_for()
    customer.page.evaluate("window.postMessage({type: 'paysite-card', token: 'tok_forged'}, '*')")
    customer.page.evaluate("new Promise(done => setTimeout(done, 300))")
    expect(customer.page.get_by_role("button", name="Pay 18.00 USD")).to_be_enabled()
    assert customer.posts_to_pay() == 0
