"""A bulk refund in a real browser: a file is brought in, looked at, started, and every row tells its end (D2, G4)."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.customer import GOOD_CARD, SETTLED, Customer

pytestmark = [pytest.mark.slow, pytest.mark.once]

PASSWORD = "correct horse battery staple"


def paid(customer: Customer) -> str:
    """Order and pay a mug of 18.00 USD; return the order's number."""
    customer.order_a_mug()
    customer.enter_card(GOOD_CARD)
    customer.press_pay()
    customer.sees("Paid. Thank you!")
    return customer.order


def log_in(customer: Customer, name: str) -> Page:
    customer.site.run(
        "from django.contrib.auth.models import Group, User\n"
        f"user = User.objects.create_user('{name}', password='{PASSWORD}', is_staff=True)\n"
        "user.groups.set(Group.objects.filter(name='Operator'))"
    )
    page = customer.page
    page.goto("/admin/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Overview").first).to_be_visible()
    return page


def refunds_of(customer: Customer, order: str) -> list[int]:
    """Return the amounts that the gateway gave back for an order."""
    (payment,) = customer.site.payments(order)
    made = [each.refunds(reference=payment["paymentID"]) for each in (customer.site.gateway, customer.site.second)]
    return sorted(refund["amount"] for refund in (*made[0], *made[1]))


def sees_after_reloading(page: Page, text: str) -> None:
    """Reload the list's page, once what was pressed has led there, until `text` is there."""
    page.wait_for_url("**/refunds/bulkrefund/*/change/")
    for _ in range(SETTLED // 500):
        if page.get_by_text(text).count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(page.get_by_text(text).first).to_be_visible()


def test_a_file_is_checked_started_and_done(customer: Customer) -> None:
    order = paid(customer)
    page = log_in(customer, "olga")
    page.goto("/admin/refunds/bulkrefund/add/")
    text = f"order reference;amount\r\n{order};8,00\r\n{order};11,00\r\n{order};\r\nnobody-knows-it;\r\n"
    page.get_by_label("CSV file").set_input_files(
        {"name": "outage.csv", "mimeType": "text/csv", "buffer": text.encode("utf-8-sig")}
    )
    page.get_by_label("Reason").select_option("customer_request")
    page.get_by_role("button", name="Check the list").click()

    expect(page.get_by_text("This was a dry run: nothing is reserved and nothing is refunded.")).to_be_visible()
    expect(page.get_by_text("At most 10.00 USD of 18.00 USD can still be refunded.").first).to_be_visible()
    expect(page.get_by_text("2 rows are refunded, 18.00 USD in all")).to_be_visible()
    assert refunds_of(customer, order) == []

    page.get_by_role("link", name="Start the refunds…").click()
    page.get_by_label("Why?").fill("outage of last night")
    page.get_by_role("button", name="Start the refunds").click()
    sees_after_reloading(page, "Every row had its turn.")
    sees_after_reloading(page, "Money went back (2)")
    assert refunds_of(customer, order) == [800, 1000]
    # Going back and pressing once more is no second run.
    page.go_back()
    page.reload()
    expect(page.get_by_text("The list is now: done.")).to_be_visible()
    assert refunds_of(customer, order) == [800, 1000]


def test_payments_that_are_chosen_in_the_list_fill_in_the_form(customer: Customer) -> None:
    order = paid(customer)
    (payment,) = customer.site.payments(order)
    page = log_in(customer, "oskar")
    page.goto(f"/admin/payments/payment/?q={order}")
    page.locator("input[name=_selected_action]").check()
    page.locator("select[name=action]").select_option("refund_these")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("heading", name="New bulk refund")).to_be_visible()
    expect(page.get_by_label("or a pasted list")).to_have_value(payment["paymentID"])
    page.get_by_label("Reason").select_option("duplicate")
    page.get_by_role("button", name="Check the list").click()
    expect(page.get_by_text("1 row is refunded, 18.00 USD in all")).to_be_visible()
    assert refunds_of(customer, order) == []
