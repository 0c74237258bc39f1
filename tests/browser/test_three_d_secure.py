"""3-D Secure in a real browser: another tab, coming back twice or too late, giving up, and no JavaScript (F5)."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import MakeCustomer
from tests.browser.customer import CONFIRMED_CARD, GOOD_CARD, Customer

pytestmark = [pytest.mark.slow, pytest.mark.once]

ONE_CHARGE = [("succeeded", 1800, "USD")]


def sent_to_the_bank(customer: Customer) -> None:
    """Pay with a card whose bank wants to be asked, and open the bank's page."""
    customer.order_a_mug()
    customer.enter_card(CONFIRMED_CARD)
    customer.press_pay()
    customer.sees("Please confirm with your bank")
    customer.page.get_by_role("link", name="Confirm with your bank").click()
    expect(customer.page.get_by_role("button", name="Approve the payment")).to_be_visible()


def return_url(customer: Customer) -> str:
    """Return where the bank's page sends the browser back to."""
    (payment,) = customer.site.payments(customer.order)
    return customer.site.run(
        "from payments.models import Payment\n"
        "from payments.services.return_address import return_path\n"
        f"print(return_path(Payment.objects.get(pk='{payment['paymentID']}')))"
    )


def opened(customer: Customer, url: str) -> Page:
    """Open `url` in another tab of the same browser."""
    tab = customer.watch(customer.context.new_page())
    tab.goto(url)
    return tab


def shows(tab: Page, heading: str) -> None:
    expect(tab.get_by_role("heading", level=1)).to_have_text(heading, timeout=15_000)


def test_a_confirmation_in_one_tab_is_seen_in_both_and_again_after_coming_back_twice(customer: Customer) -> None:
    customer.order_a_mug()
    customer.enter_card(CONFIRMED_CARD)
    customer.press_pay()
    customer.sees("Please confirm with your bank")
    other = opened(customer, customer.page.url)
    shows(other, "Please confirm with your bank")
    other.get_by_role("link", name="Confirm with your bank").click()
    other.get_by_role("button", name="Approve the payment").click()
    shows(other, "Paid. Thank you!")
    # The first tab was left alone, and looks by itself.
    customer.sees("Paid. Thank you!")

    other.goto(return_url(customer))
    shows(other, "Paid. Thank you!")
    other.go_back()
    shows(other, "Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_who_comes_back_without_an_answer_and_then_cancels_pays_with_another_card(customer: Customer) -> None:
    sent_to_the_bank(customer)
    other = opened(customer, return_url(customer))
    shows(other, "Your bank has not confirmed it yet")
    assert [status for status, *_ in customer.site.charges(customer.order)] == ["requires_action"]

    customer.page.get_by_role("button", name="Cancel").click()
    customer.sees("The payment did not go through")
    expect(customer.page.get_by_text("You canceled the confirmation. You were not charged.")).to_be_visible()
    customer.page.get_by_role("link", name="Try again").click()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == [("canceled", 1800, "USD"), *ONE_CHARGE]


def test_who_approves_after_the_payments_time_reads_that_it_took_too_long_and_is_not_charged(
    customer: Customer,
) -> None:
    sent_to_the_bank(customer)
    (payment,) = customer.site.payments(customer.order)
    watching = opened(customer, return_url(customer))
    shows(watching, "Your bank has not confirmed it yet")
    customer.site.run(
        "from payments.models import Payment\n"
        "from django.db.models.functions import Now\n"
        f"Payment.objects.filter(pk='{payment['paymentID']}').update(expires_at=Now(), due_at=Now())"
    )
    # The tab that waits is told by itself.
    shows(watching, "This took too long")
    customer.page.get_by_role("button", name="Approve the payment").click()
    shows(customer.page, "Already done")
    customer.page.goto(return_url(customer))
    customer.sees("This took too long")
    expect(customer.page.get_by_text("You were not charged.")).to_be_visible()
    assert customer.site.charges(customer.order) == [("canceled", 1800, "USD")]
    # The bank's page answers 409 to a choice that comes too late, which browsers report.
    assert all("409" in complaint for complaint in customer.complaints)
    customer.complaints.clear()


def test_without_javascript_a_confirmation_ends_paid(new_customer: MakeCustomer) -> None:
    customer = new_customer(java_script_enabled=False)
    page = customer.page
    customer.order_a_mug()
    page.get_by_role("link", name="Enter card details").click()
    page.get_by_label("Card number").fill(CONFIRMED_CARD)
    page.get_by_label("Expiry date").fill("12/39")
    page.get_by_label("Security code").fill("123")
    page.get_by_role("button", name="Use this card").click()
    page.get_by_role("button", name="Pay 18.00 USD").click()
    customer.sees("Please confirm with your bank")
    page.get_by_role("link", name="Confirm with your bank").click()
    page.get_by_role("button", name="Approve the payment").click()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE
