"""The ladder as a customer sees it: each level is one journey with one charge at most (requirement B7)."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.customer import DECLINED_CARD, GOOD_CARD, Customer

pytestmark = [pytest.mark.slow, pytest.mark.once]

# Declined without a reason, until the bank is asked.
DOUBTED_CARD = "4000000000100034"
ONE_CHARGE = [("succeeded", 1800, "USD")]
# Milliseconds in which all tries are made and pauses between them are over.
TRIED = 45_000

TRUST = """
from payments.models import Client, CustomerStanding
from paysite.demo.order_form import customer_number
CustomerStanding.objects.update_or_create(
    client=Client.objects.get(slug="demo-shop"), customer_reference=customer_number("anna@shop.example"),
    defaults={"trusted": %s, "reason": "test", "set_by": "test"})
"""
SHUT_OFF = '"primary", "charge", "anna", "test"'
QUEUE_IS_DUE = """
from django.db.models.functions import Now
from payments.models import Payment
Payment.objects.filter(queued_at__isnull=False, status="retrying").update(due_at=Now())
"""
# A minute after the failure, if a gateway works by then.
LINK_IS_DUE = """
from django.db.models.functions import Now
from payments.models import CustomerMessage
CustomerMessage.objects.filter(kind="resume", due_at__isnull=False).update(due_at=Now())
"""


def letters(customer: Customer, within: float = 15.0) -> list[str]:
    """Return the e-mails about the customer's order, which the demo writes to files, once there is one."""
    (payment, *_) = customer.site.payments(customer.order)
    folder = Path(customer.site.environment["PAYSITE_VAR"]) / "mail"
    ends_at = time.monotonic() + within
    while True:
        texts = [path.read_text() for path in sorted(folder.glob("*.log"))]
        found = [text for text in texts if str(payment["paymentID"]) in text]
        if found or time.monotonic() > ends_at:
            return found
        time.sleep(0.2)


def pay_with(customer: Customer, card: str) -> None:
    customer.enter_card(card)
    customer.press_pay()


def test_level_2_a_doubted_card_is_confirmed_with_the_bank_and_paid(customer: Customer) -> None:
    customer.order_a_mug()
    pay_with(customer, DOUBTED_CARD)
    customer.sees("Please confirm with your bank")
    customer.page.get_by_role("link", name="Confirm with your bank").click()
    customer.page.get_by_role("button", name="Approve the payment").click()
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == [("declined", 1800, "USD"), *ONE_CHARGE]


def test_level_3_another_gateway_charges_and_the_customer_only_waits(customer: Customer) -> None:
    customer.site.gateway.arm("decline", count=1, params={"code": "issuer_unavailable"})
    customer.order_a_mug()
    pay_with(customer, GOOD_CARD)
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == [("declined", 1800, "USD"), *ONE_CHARGE]
    (payment,) = customer.site.payments(customer.order)
    assert len(customer.site.second.charges(reference=payment["paymentID"])) == 1
    assert customer.posts_to_pay() == 1


def test_level_4_a_trusted_customers_order_is_accepted_and_paid_later_by_itself(customer: Customer) -> None:
    customer.site.run(TRUST % True)
    customer.site.no_gateway_charges()
    customer.order_a_mug()
    pay_with(customer, GOOD_CARD)
    customer.sees("Your order is accepted", within=TRIED)
    main = customer.page.locator("main")
    expect(main).to_contain_text("you need not do anything, and you will not be charged twice.")
    expect(main).to_contain_text("We confirm this by e-mail")
    expect(main).not_to_contain_text(re.compile("paid", re.IGNORECASE))
    assert customer.site.charges(customer.order) == []
    (letter,) = letters(customer)
    assert "Your order is accepted. Thank you." in letter

    customer.site.gateways_work()
    customer.site.run(QUEUE_IS_DUE)
    customer.page.reload()
    customer.sees("Paid. Thank you!", within=TRIED)
    assert customer.site.charges(customer.order) == ONE_CHARGE
    assert customer.posts_to_pay() == 1


def test_level_5_other_ways_are_suggested_and_the_order_is_kept(customer: Customer) -> None:
    customer.order_a_mug()
    pay_with(customer, DECLINED_CARD)
    customer.sees("The payment did not go through")
    expect(customer.page.get_by_role("heading", name="Other ways to pay")).to_be_visible()
    assert customer.page.locator(".alternatives a").all_inner_texts() == ["Another card", "PayPal", "Bank transfer"]
    customer.page.get_by_role("link", name="PayPal").click()
    customer.sees("Your order is kept")
    customer.page.get_by_role("link", name="Go on to payment").click()
    customer.page.get_by_role("button", name="Go to payment").click()
    customer.page.wait_for_url("**/checkout/chk_*")
    pay_with(customer, GOOD_CARD)
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == [("declined", 1800, "USD"), *ONE_CHARGE]


def test_level_6_is_kind_keeps_the_cart_and_the_link_by_e_mail_ends_paid(customer: Customer) -> None:
    customer.site.run(TRUST % False)
    customer.site.no_gateway_charges()
    customer.order_a_mug()
    pay_with(customer, GOOD_CARD)
    customer.sees("We are sorry: this did not work", within=TRIED)
    main = customer.page.locator("main")
    expect(main).to_contain_text("This is our fault, not yours and not your card's. You were not charged")
    expect(main).to_contain_text("We send you a link to pay by e-mail as soon as it works again.")
    customer.page.goto("/shop/cart")
    expect(customer.page.get_by_text("Stoneware mug").first).to_be_visible()

    customer.site.gateways_work()
    customer.site.run(LINK_IS_DUE)
    (letter,) = letters(customer)
    link = re.search(r"http://\S+/checkout/chk_[\w-]{32}(?=\s)", letter)
    assert link is not None
    customer.page.goto(link.group())
    pay_with(customer, GOOD_CARD)
    customer.sees("Paid. Thank you!")
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_while_the_first_gateway_is_shut_off_cards_are_typed_and_charged_at_the_second(customer: Customer) -> None:
    customer.site.run(f"from payments.services import circuits\ncircuits.hold_open({SHUT_OFF})")
    try:
        customer.order_a_mug()
        frame = customer.page.locator("#card-fields iframe")
        expect(frame).to_have_attribute("src", re.compile(f"^{re.escape(customer.site.second.url)}/fields"))
        pay_with(customer, GOOD_CARD)
        customer.sees("Paid. Thank you!")
    finally:
        customer.site.run(f"from payments.services import circuits\ncircuits.release({SHUT_OFF})")
    (payment,) = customer.site.payments(customer.order)
    assert customer.site.gateway.charges(reference=payment["paymentID"]) == []
    assert customer.site.charges(customer.order) == ONE_CHARGE


def test_a_gateway_that_goes_away_while_the_card_is_typed_charges_nothing_and_says_what_to_do(
    customer: Customer,
) -> None:
    customer.order_a_mug()
    customer.page.route("**/v1/tokens", lambda route: route.abort())
    pay_with(customer, GOOD_CARD)
    expect(customer.page.get_by_role("alert")).to_have_text(
        "The payment provider does not answer. Nothing was charged. Please load this page again in a moment."
    )
    assert customer.posts_to_pay() == 0
    customer.page.unroute("**/v1/tokens")
    customer.page.reload()
    pay_with(customer, GOOD_CARD)
    customer.sees("Paid. Thank you!")
    assert all("ERR_FAILED" in complaint for complaint in customer.complaints)
    customer.complaints.clear()
    assert customer.site.charges(customer.order) == ONE_CHARGE
