"""The e-mails to customers: their words, links, headers, and language (requirements F3, G7)."""

from typing import Any

import pytest
from django.core import mail as outgoing

from payments import words
from payments.gateways.base import Kind as Outcome
from payments.models import CheckoutSession, Client, CustomerMessage, Order, Payment, SurplusCharge
from tests.payments.conftest import after, sent
from tests.payments.services.telling import failed_payment, html_of, owed, send, visit

pytestmark = pytest.mark.django_db(transaction=True)

Kind = CustomerMessage.Kind


@pytest.fixture(autouse=True)
def _site(settings: Any) -> None:
    settings.PUBLIC_URL = "https://pay.test"
    settings.DEFAULT_FROM_EMAIL = "Paysite <payments@pay.test>"
    settings.DEMO = False


def sent_about(payment: Payment, kind: str, occurrence: str = "") -> Any:
    owed(payment, kind, occurrence=occurrence)
    send()
    (message,) = outgoing.outbox
    return message


def test_an_accepted_order_is_told_without_a_word_of_being_paid(queued: Payment) -> None:
    message = sent_about(queued, Kind.DELAYED)
    session = CheckoutSession.objects.get()
    assert message.from_email == "Shop <payments@pay.test>"
    assert message.subject == "Your order order-1 at Shop is accepted"
    assert message.extra_headers == {
        "Message-ID": f"<delayed.{queued.pk}@pay.test>",
        "Auto-Submitted": "auto-generated",
    }
    for body in (message.body, html_of(message)):
        assert f"https://pay.test/checkout/{session.token}/status" in body
        assert "so the payment of 12.50 USD is taken later: as soon as the provider is back." in body
        assert "you will not be charged twice" in body
        assert "Demo" not in body
        assert "paid" not in body.lower()


def test_the_text_part_reads_like_a_letter(queued: Payment) -> None:
    Client.objects.update(support_email="help@shop.test")
    for status in ("processing", "requires_action"):
        Payment.objects.update(status=status)
    body = sent_about(queued, Kind.CONFIRM).body
    session = CheckoutSession.objects.get()
    assert body == (
        "Hello Anna,\n\n"
        "We are taking the payment of 12.50 USD for your accepted order, and your bank wants you to confirm it.\n\n"
        "Nothing is charged before you do. Please do not pay the order in another way as well.\n\n"
        "Confirm it here:\n"
        f"https://pay.test/checkout/{session.token}/status\n\n"
        "The page always shows how things stand.\n\n"
        "Order: order-1 (Shop)\n"
        "Amount: 12.50 USD\n\n"
        f"Questions? Write to help@shop.test and name the payment {queued.pk}.\n"
    )


def test_an_unknown_outcome_has_a_subject_and_an_id_of_its_own(queued: Payment) -> None:
    Payment.objects.update(outcome_unknown=True)
    message = sent_about(queued, Kind.DELAYED, "att_1")
    assert message.subject == "We are checking your payment for order order-1 at Shop"
    assert message.extra_headers["Message-ID"] == f"<delayed.att_1.{queued.pk}@pay.test>"
    assert "accepted" not in message.body


def test_texts_of_the_shop_and_the_customer_are_no_markup_in_html_and_whole_in_text(queued: Payment) -> None:
    Client.objects.update(name="Mug & <Sons>", support_email="help@shop.test")
    Order.objects.update(customer_name="<b>Zoë</b>")
    message = sent_about(queued, Kind.DELAYED)
    assert "Hello <b>Zoë</b>,\n" in message.body
    assert "Mug & <Sons>" in message.body
    assert message.reply_to == ["help@shop.test"]
    html = html_of(message)
    assert "&lt;b&gt;Zoë&lt;/b&gt;" in html
    assert "<b>Zoë" not in html
    assert "Mug &amp; &lt;Sons&gt;" in html


def test_no_text_can_begin_another_header(queued: Payment) -> None:
    Client.objects.update(name="Shop\r\nBcc: eve@evil.test", support_email="help@shop.test\nCc: eve@evil.test")
    Order.objects.update(reference="order-1\nBcc: eve@evil.test")
    message = sent_about(queued, Kind.DELAYED)
    headers = message.message()
    assert (headers["Bcc"], headers["Cc"], headers["To"]) == (None, None, "anna@shop.test")
    assert headers["Subject"].startswith("Your order order-1 Bcc: eve@evil.test at Shop Bcc: eve@evil.test")


def test_a_link_after_an_accepted_order_says_that_it_was_accepted(queued: Payment) -> None:
    Payment.objects.update(status="failed")
    body = sent_about(queued, Kind.RESUME).body
    assert "We had accepted your order, but could not take the payment for it. You were not charged." in body
    assert "Payments work again" not in body


def test_a_link_leads_to_the_page_on_which_to_pay(shop: Client) -> None:
    body = sent_about(failed_payment(shop), Kind.FAILED).body
    assert f"https://pay.test/checkout/{CheckoutSession.objects.get().token}\n" in body


def test_an_order_without_a_page_is_told_without_a_link(queued: Payment) -> None:
    CheckoutSession.objects.all().delete()
    message = sent_about(queued, Kind.DELAYED)
    assert "https://pay.test" not in f"{message.body}{html_of(message)}"
    assert "How it stands" not in message.body


def test_a_german_customer_reads_german(queued: Payment) -> None:
    Order.objects.update(customer_language="de")
    message = sent_about(queued, Kind.DELAYED)
    html = html_of(message)
    assert message.subject == "Ihre Bestellung order-1 bei Shop ist angenommen"
    assert '<html lang="de">' in html
    for body in (message.body, html):
        assert "Bitte zahlen Sie nicht noch einmal." in body
        assert "12,50 USD" in body
        assert "Please" not in body


@pytest.mark.parametrize("code", ["", "en", "fr", "tlh"])
def test_every_other_customer_reads_english(queued: Payment, code: str) -> None:
    Order.objects.update(customer_language=code)
    assert sent_about(queued, Kind.DELAYED).subject == "Your order order-1 at Shop is accepted"


@pytest.mark.parametrize(
    ("language", "minor", "currency", "text"),
    [
        ("en", 123450, "USD", "We have received your payment of 1,234.50 USD. Thank you."),
        ("en", 12500, "JPY", "We have received your payment of 12,500 JPY. Thank you."),
        ("en", 1250, "KWD", "We have received your payment of 1.250 KWD. Thank you."),
        ("de", 123450, "USD", "Wir haben Ihre Zahlung über 1.234,50 USD erhalten. Vielen Dank."),
        ("de", 12500, "JPY", "Wir haben Ihre Zahlung über 12.500 JPY erhalten. Vielen Dank."),
        ("de", 1250, "KWD", "Wir haben Ihre Zahlung über 1,250 KWD erhalten. Vielen Dank."),
        ("fr", 1250, "KWD", "We have received your payment of 1.250 KWD. Thank you."),
    ],
)
def test_an_amount_is_written_as_the_messages_language_writes_it(
    shop: Client, language: str, minor: int, currency: str, text: str
) -> None:
    payment = after(sent(shop, amount=minor, currency=currency), Outcome.SUCCEEDED)
    visit(payment)
    Order.objects.update(customer_language=language)
    message = sent_about(payment, Kind.RECEIVED)
    amount = words.readable(minor, currency, language)
    assert text in message.body
    assert text in html_of(message)
    assert amount in text
    # The line and the row of the sum say the same.
    assert message.body.count(amount) == html_of(message).count(amount) == 2


def test_money_given_back_is_told_as_the_messages_language_writes_it(queued: Payment) -> None:
    Order.objects.update(customer_language="de")
    charge = SurplusCharge.objects.create(
        payment=queued,
        attempt=queued.attempts.get(),
        gateway="primary",
        gateway_reference="ch_2",
        amount=1250,
        currency="KWD",
        reason="duplicate_charge",
        taken=True,
        due_at=None,
    )
    SurplusCharge.objects.update(state="returned")
    message = sent_about(queued, Kind.REFUNDED, charge.pk)
    for body in (message.body, html_of(message)):
        assert "Wir haben Ihnen 1,250 KWD zurückgegeben." in body
        assert "1.250" not in body
