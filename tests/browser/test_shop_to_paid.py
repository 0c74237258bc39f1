"""The main job in a real browser, through real processes: from the shop to paid, with one charge (F1, F2, F5, A8)."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import MakeCustomer
from tests.browser.customer import CONFIRMED_CARD, DECLINED_CARD, GOOD_CARD, MISTYPED_CARD, Customer

pytestmark = pytest.mark.slow

ONE_CHARGE = [("succeeded", 1800, "USD")]


def test_shop_to_paid_changes_by_itself_from_processing_to_paid(customer: Customer) -> None:
    customer.site.gateway.set_latency(1500)
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Processing your payment…")
    customer.sees("Paid. Thank you!")

    assert customer.site.charges(customer.order) == ONE_CHARGE
    assert customer.posts_to_pay() == 1
    customer.page.get_by_role("link", name="Back to Demo shop").click()
    customer.sees("Thank you for your order")
    expect(customer.page.get_by_text(f"Order {customer.order} is paid.")).to_be_visible()


def test_a_declined_card_and_then_another_one_is_one_charge(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(DECLINED_CARD)
    customer.press_pay()
    customer.sees("The payment did not go through")
    expect(customer.page.get_by_text("Your card has insufficient funds. You were not charged.")).to_be_visible()

    customer.page.get_by_role("link", name="Try another card").click()
    customer.enter_card(GOOD_CARD)
    customer.page.frame_locator("#card-fields iframe").get_by_label("Security code").press("Enter")
    customer.sees("Paid. Thank you!")

    assert customer.site.charges(customer.order) == [("declined", 1800, "USD"), *ONE_CHARGE]
    statuses = [payment["status"] for payment in customer.site.payments(customer.order)]
    assert sorted(statuses) == ["failed", "success"]


def test_the_button_is_off_at_once_and_a_double_click_is_one_charge(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    seen = customer.page.evaluate(
        """() => {
            const button = document.getElementById("pay-button");
            button.click();
            const seen = [button.disabled, button.textContent];
            button.click();
            return seen;
        }"""
    )
    assert seen == [True, "Processing…"]
    customer.sees("Paid. Thank you!")
    assert customer.posts_to_pay() == 1
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_two_clicks_of_the_mouse_are_one_charge(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    customer.page.get_by_role("button", name="Pay 18.00 USD").dblclick()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_a_mistyped_card_sends_nothing_and_gives_the_button_back(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(MISTYPED_CARD)
    customer.press_pay()
    form = customer.page.frame_locator("#card-fields iframe")
    expect(form.get_by_text("That is not quite a card number. Is a digit wrong?")).to_be_visible()
    expect(customer.page.get_by_role("button", name="Pay 18.00 USD")).to_be_enabled()
    assert customer.posts_to_pay() == 0
    # Browsers report the gateway's answer 422 as an error of the page.
    assert all("422" in complaint for complaint in customer.complaints)
    customer.complaints.clear()

    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_back_and_reload_after_paying_show_the_status_again(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    customer.page.go_back()
    customer.sees("Paid. Thank you!")
    customer.page.reload()
    customer.sees("Paid. Thank you!")
    second_tab = customer.watch(customer.context.new_page())
    second_tab.goto(customer.page.url)
    expect(second_tab.get_by_role("heading", level=1)).to_have_text("Paid. Thank you!")
    assert customer.posts_to_pay() == 1
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_without_javascript_it_ends_paid_with_one_charge(new_customer: MakeCustomer) -> None:
    customer = new_customer(java_script_enabled=False)
    page = customer.page
    customer.order_a_mug()
    page.get_by_role("link", name="Enter card details").click()
    assert page.url.startswith(customer.site.gateway.url)
    page.get_by_label("Card number").fill(GOOD_CARD)
    page.get_by_label("Expiry date").fill("12/39")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Use this card").click()
    customer.sees("Pay with this card?")
    expect(page.get_by_text("Visa ending in 4242")).to_be_visible()
    page.get_by_role("button", name="Pay 18.00 USD").dblclick()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_a_confirmation_at_the_bank_ends_paid(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(CONFIRMED_CARD)
    customer.press_pay()
    customer.sees("Please confirm with your bank")
    customer.page.get_by_role("link", name="Confirm with your bank").click()
    assert customer.page.url.startswith(customer.site.gateway.url)
    customer.page.get_by_role("button", name="Approve the payment").click()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_a_confirmation_that_fails_says_so_and_charges_nothing(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(CONFIRMED_CARD)
    customer.press_pay()
    customer.page.get_by_role("link", name="Confirm with your bank").click()
    customer.page.get_by_role("button", name="Fail the check").click()
    customer.sees("The payment did not go through")
    expect(customer.page.get_by_text("You were not charged.")).to_be_visible()
    assert [status for status, *_ in customer.site.charges(customer.order)] == ["declined"]


def test_a_slow_gateway_is_told_about_and_the_page_goes_on_by_itself(customer: Customer) -> None:
    customer.site.gateway.set_latency(10_500)
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Processing your payment…")
    customer.sees("This is taking longer than usual")
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE
