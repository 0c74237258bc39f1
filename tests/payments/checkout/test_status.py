"""The status page tells the truth about every state a payment can be in (requirements F1, F2, F5, F6)."""

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.utils import timezone

from payments.declines import DEFAULTS, DeclineClass
from payments.gateways.base import Kind
from payments.models import Attempt, CheckoutSession, Payment
from payments.services.cancel import cancel
from payments.services.return_address import return_path
from tests.payments.checkout.conftest import Pay, declined_to_the_end, heard_from_gateway
from tests.payments.checkout.status_page import status_text, tag_and_end
from tests.payments.conftest import BECAUSE, after

pytestmark = pytest.mark.django_db(transaction=True)


def made_older(seconds: float) -> None:
    Payment.objects.update(created_at=timezone.now() - timedelta(seconds=seconds))


def test_before_anything_was_asked_for_it_leads_to_the_checkout_page(
    session: CheckoutSession, browser: Browser
) -> None:
    reply = browser.get(f"/checkout/{session.token}/status")
    assert (reply.status_code, reply.headers["Location"]) == (303, f"/checkout/{session.token}")


def test_a_fresh_payment_is_being_processed(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    page = status_text(browser, session)
    assert "Processing your payment…" in page
    assert "Please do not refresh or click again." in page
    assert "You will not be charged twice." in page
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert Payment.objects.get().pk in page


@pytest.mark.parametrize(("age", "slow"), [(6.0, False), (7.5, True), (3600.0, True)])
def test_after_seven_seconds_it_says_that_it_takes_longer(
    session: CheckoutSession, browser: Browser, pay: Pay, age: float, *, slow: bool
) -> None:
    pay()
    made_older(age)
    page = status_text(browser, session)
    assert ("This is taking longer than usual" in page) is slow
    assert ("You may close this page" in page) is slow
    assert "You will not be charged twice." in page


def test_an_unknown_outcome_says_that_the_bank_is_asked(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.UNKNOWN, message="read timeout at 10.0.0.1")
    page = status_text(browser, session)
    assert (
        "We are checking with the bank what became of your payment. You will not be charged twice. Please do not pay "
        "again."
    ) in page
    assert "10.0.0.1" not in page
    assert "Try" not in page


def test_a_retried_payment_says_that_nothing_was_charged_yet(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    assert heard_from_gateway(Kind.NOT_SENT, reason="refused").status == "retrying"
    assert "you have not been charged" in status_text(browser, session)


def test_a_confirmation_at_the_bank_is_one_button(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds?a=1&b=2")
    page = status_text(browser, session)
    assert '<a class="button primary" href="https://bank.test/3ds?a=1&amp;b=2">Confirm with your bank</a>' in page


def test_after_the_bank_it_says_that_the_answer_is_awaited(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    payment = heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    browser.get(return_path(payment))
    page = status_text(browser, session, "?returned=1")
    assert "We are asking your bank…" in page
    assert '<a href="https://bank.test/3ds">Go back to your bank' in page


def test_a_script_as_confirmation_address_is_no_link(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    heard_from_gateway(Kind.ACTION_REQUIRED, action_url="javascript:alert(1)")
    assert "javascript:" not in status_text(browser, session)


def test_a_paid_order_shows_the_receipt_and_the_way_back(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    payment = heard_from_gateway(Kind.SUCCEEDED)
    page = status_text(browser, session)
    assert "Paid. Thank you!" in page
    for fact in ("12.50 USD", "order-1", payment.pk, f"{payment.processed_at:%H:%M} UTC", "Shop"):
        assert fact in page
    back = f"https://shop.test/thanks?lang=en&amp;orderID=order-1&amp;paymentID={payment.pk}#top"
    assert f'href="{back}">Back to Shop</a>' in page
    assert "refresh" not in page


@pytest.mark.parametrize(
    ("code", "words", "button"),
    [
        ("insufficient_funds", "Your card has insufficient funds. You were not charged.", "Try another card"),
        ("expired_card", "Your card has expired. You were not charged.", "Try another card"),
        ("issuer_unavailable", "The payment could not be processed. You were not charged.", "Try again"),
        ("invalid_number", "The card number is not right. You were not charged.", "Try again"),
        ("code_of_tomorrow", "Please try a different card.</p><p>You were not charged.</p>", "Try another card"),
    ],
)
def test_a_decline_says_what_to_do(
    session: CheckoutSession, browser: Browser, pay: Pay, code: str, words: str, button: str
) -> None:
    pay()
    declined_to_the_end(code, message="issuer text 51")
    page = status_text(browser, session)
    assert "The payment did not go through" in page
    assert words in page
    assert f'<a class="button primary" href="/checkout/{session.token}">{button}</a>' in page
    assert "issuer text" not in page


FRAUD = [code for code, meaning in DEFAULTS.items() if meaning.decline_class is DeclineClass.FRAUD]


@pytest.mark.parametrize("code", FRAUD)
def test_a_reason_of_fraud_is_told_nowhere(session: CheckoutSession, browser: Browser, pay: Pay, code: str) -> None:
    pay()
    heard_from_gateway(Kind.DECLINED, decline_code=code, message=f"{code} reported")
    for path in ("/status", "/status.json", ""):
        page = browser.get(f"/checkout/{session.token}{path}").content.decode().lower()
        for word in (code, *code.split("_"), "fraud", "stolen", "blocklist", "reported"):
            if word not in {"card", "detected"}:
                assert word not in page
    assert "Your card was declined. Please try a different card." in status_text(browser, session)


def test_a_canceled_payment_can_be_tried_again(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    cancel(Payment.objects.get().pk, BECAUSE, "test")
    page = status_text(browser, session)
    assert "This payment was canceled. You were not charged." in page
    assert ">Try again</a>" in page


def test_after_the_session_expired_the_status_stays_but_no_other_try(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    CheckoutSession.objects.update(expires_at="2020-01-01T00:00:00Z")
    page = status_text(browser, session)
    assert "Your card has expired" in page
    assert "Try another card" not in page
    assert ">Back to Shop</a>" in page


def test_a_success_that_comes_late_replaces_the_failure(session: CheckoutSession, browser: Browser, pay: Pay) -> None:
    pay()
    payment = heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    after(Attempt.objects.get(payment=payment), Kind.SUCCEEDED)
    assert "Paid. Thank you!" in status_text(browser, session)


def test_a_late_success_is_shown_and_not_the_failure_after_it(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay(1)
    first = heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    pay(2)
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    after(Attempt.objects.get(payment=first), Kind.SUCCEEDED)
    page = status_text(browser, session)
    assert "Paid. Thank you!" in page
    assert first.pk in page
    assert pay(3) == f"/checkout/{session.token}/status"
    assert Payment.objects.count() == 2


def test_the_live_payment_is_shown_and_not_the_failed_one_before_it(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay(1)
    heard_from_gateway(Kind.DECLINED, decline_code="expired_card")
    pay(2)
    assert "Processing your payment…" in status_text(browser, session)


def test_the_tag_is_that_of_the_page_and_changes_with_what_it_says(
    session: CheckoutSession, browser: Browser, pay: Pay
) -> None:
    pay()
    fresh = tag_and_end(browser, session)
    assert fresh == tag_and_end(browser, session)
    assert f'data-tag="{fresh[0]}"' in status_text(browser, session)
    made_older(10)
    slow = tag_and_end(browser, session)
    heard_from_gateway(Kind.ACTION_REQUIRED, action_url="https://bank.test/3ds")
    action, returned = tag_and_end(browser, session), tag_and_end(browser, session, "?returned=1")
    after(Attempt.objects.get(), Kind.SUCCEEDED)
    paid = tag_and_end(browser, session)
    assert [end for _, end in (fresh, slow, action, returned, paid)] == [False, False, False, False, True]
    assert len({fresh, slow, action, returned, paid}) == 5


def test_before_anything_was_asked_for_there_is_no_tag(session: CheckoutSession, browser: Browser) -> None:
    assert tag_and_end(browser, session) == ("", False)
