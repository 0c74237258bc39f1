"""Refunds at the console in a real browser: once however often it is pressed, and above a limit by two people."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.site import Site
from tests.browser.team import MakePerson, Person, hire, paid, refunds_at_gateway

pytestmark = pytest.mark.slow

PHONE = {"width": 360, "height": 740}
FORM = "document.querySelector('form:has([name=confirmed])')"


@pytest.fixture
def person(site: Site, chromium: Browser) -> Iterator[MakePerson]:
    """Log people in, each with a browser profile of their own."""
    people: list[Person] = []
    hire(site)

    def make(name: str, **profile: Any) -> Person:
        people.append(Person(site, chromium, name, **profile))
        return people[-1]

    yield make
    site.gateways_work()
    for each in people:
        each.leave()


def test_a_refund_from_the_payments_page_on_a_phone(site: Site, person: MakePerson) -> None:
    payment_id, anna = paid(site, "br-phone"), person("anna", viewport=PHONE)
    anna.begins_refund(payment_id, "30.00", "Broken lid")
    main = anna.page.locator(".console")
    expect(main).to_contain_text("30.00 USD are reserved at once, and gateway primary is told within seconds")
    expect(main).to_contain_text("70.00 USD")
    assert refunds_at_gateway(site, payment_id) == []
    anna.page.get_by_role("button", name="Refund 30.00 USD").click()
    anna.sees_refund("Succeeded")
    anna.measure()
    assert refunds_at_gateway(site, payment_id) == [("succeeded", 3000)]
    anna.opens_payment(payment_id)
    expect(anna.page.locator(".console-sums")).to_contain_text("30.00 USD")
    expect(anna.page.locator(".console-refunds")).to_contain_text("The money went back")
    anna.page.goto("/admin/refunds/refund/")
    expect(anna.page.get_by_text("30.00 USD").first).to_be_visible()
    assert {url: width for url, width in anna.widths.items() if width > PHONE["width"]} == {}
    assert len(anna.widths) == 3


def test_a_double_click_makes_one_refund(site: Site, person: MakePerson) -> None:
    payment_id, anna = paid(site, "br-double"), person("anna")
    anna.begins_refund(payment_id, "30.00")
    # At the same moment, before any answer comes.
    thrice = "form => Promise.all([1, 2, 3].map(() => fetch(form.action, {method: 'POST', body: new FormData(form)})))"
    anna.page.evaluate(f"() => ({thrice})({FORM}).then(() => null)")
    anna.page.get_by_role("button", name="Refund 30.00 USD").dblclick()
    anna.sees_refund("Succeeded")
    assert anna.posts() >= 5
    assert refunds_at_gateway(site, payment_id) == [("succeeded", 3000)]
    anna.opens_payment(payment_id)
    assert anna.page.locator(".console-refunds tbody tr").count() == 1


def test_going_back_and_sending_again_makes_one_refund(site: Site, person: MakePerson) -> None:
    payment_id, anna = paid(site, "br-back"), person("anna")
    anna.begins_refund(payment_id, "30.00")
    form = anna.page.url
    # Also a body of its own: a browser that is asked to send a page again sends the same one.
    kept = anna.page.evaluate(f"new URLSearchParams(new FormData({FORM})).toString()")
    anna.page.get_by_role("button", name="Refund 30.00 USD").click()
    anna.sees_refund("Succeeded")
    refund_page = anna.page.url
    # Two pages back, as the one between is the answer to a POST.
    anna.page.evaluate("history.go(-2)")
    expect(anna.page.get_by_role("heading", name="This form was used already")).to_be_visible()
    assert anna.page.url == form
    again = "body => fetch(location.href, {method: 'POST', body: new URLSearchParams(body)}).then(sent => sent.url)"
    assert anna.page.evaluate(again, kept) == refund_page
    anna.page.get_by_role("link", name="To that refund").click()
    anna.page.wait_for_url(refund_page)
    anna.sees_refund("Succeeded")
    assert refunds_at_gateway(site, payment_id) == [("succeeded", 3000)]


def test_a_refund_above_the_limit_waits_until_a_second_person_approves_it(site: Site, person: MakePerson) -> None:
    payment_id = paid(site, "br-limit", "250.00")
    anna, sue = person("anna"), person("sue", viewport=PHONE)
    anna.begins_refund(payment_id, "250.00")
    expect(anna.page.locator(".console")).to_contain_text("a second person must approve it within 72 hours")
    anna.page.get_by_role("button", name="Ask for 250.00 USD").click()
    expect(anna.page.get_by_text("waits for the approval of a second person").first).to_be_visible()
    main = anna.page.locator(".console")
    expect(main).to_contain_text("You asked for this refund yourself: somebody else must approve it")
    expect(anna.page.get_by_role("link", name="Approve…")).to_have_count(0)
    assert refunds_at_gateway(site, payment_id) == []

    sue.page.goto("/admin/")
    sue.page.locator('[data-queue="to_approve"]').click()
    sue.page.locator("a[href*='/admin/refunds/refund/rf_']").first.click()
    sue.measure()
    sue.page.get_by_role("link", name="Approve…").click()
    expect(sue.page.locator(".console")).to_contain_text("Operator anna asked on")
    sue.measure()
    sue.page.get_by_role("button", name="Approve").click()
    sue.sees_refund("Succeeded")
    assert refunds_at_gateway(site, payment_id) == [("succeeded", 25_000)]
    assert {url: width for url, width in sue.widths.items() if width > PHONE["width"]} == {}
    anna.page.reload()
    expect(anna.page.locator(".console")).to_contain_text("operator sue")


def test_an_unknown_outcome_is_shown_and_the_gateway_is_asked_now(site: Site, person: MakePerson) -> None:
    payment_id, anna = paid(site, "br-unknown"), person("anna")
    site.gateway.arm("execute_then_close", operation="refund", count=1)
    site.gateway.arm("status", operation="refund_look_up", params={"status": 500, "body": {}})
    anna.begins_refund(payment_id, "30.00")
    anna.page.get_by_role("button", name="Refund 30.00 USD").click()
    anna.sees_refund("Outcome unknown")
    main = anna.page.locator(".console")
    expect(main).to_contain_text("The money may or may not have gone back")
    expect(main).to_contain_text("It cannot be sent again by pressing anything")
    site.gateways_work()
    anna.page.get_by_role("link", name="Ask the gateway now…").click()
    anna.page.get_by_label("Why?").fill("The customer is on the phone")
    anna.page.get_by_role("button", name="Ask the gateway now").click()
    anna.sees_refund("Succeeded")
    assert refunds_at_gateway(site, payment_id) == [("succeeded", 3000)]


def test_a_viewer_sees_the_money_and_finds_nothing_to_press(site: Site, person: MakePerson) -> None:
    payment_id, vera = paid(site, "br-viewer"), person("vera")
    vera.opens_payment(payment_id)
    expect(vera.page.get_by_role("heading", name="Money and refunds")).to_be_visible()
    expect(vera.page.get_by_role("heading", name="What you can do")).to_have_count(0)
    expect(vera.page.get_by_role("link", name="Refund…")).to_have_count(0)
