"""SMS to customers: short, in their language, as files in the demo, not at all where switched off (F3, G7)."""

import json
from pathlib import Path
from typing import Any

import pytest

from payments.gateways.base import Kind as Outcome
from payments.models import CheckoutSession, Client, CustomerMessage, Order, Payment, SurplusCharge
from payments.services import sms, sms_text
from payments.services.messages import BY_SMS
from tests.payments.conftest import after, sent
from tests.payments.services.telling import failed_payment, owed, queued_payment, send, visit

pytestmark = pytest.mark.django_db(transaction=True)

Kind = CustomerMessage.Kind
# GSM 03.38, without the escape table.
GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    settings.SMS_BACKEND, settings.VAR_DIR = "file", tmp_path
    settings.PUBLIC_URL = "https://pay.shop.example"
    return tmp_path / "sms"


def test_an_sms_becomes_a_file_in_the_demo(shop: Client, folder: Path) -> None:
    owed(failed_payment(shop), Kind.FAILED, channel="sms")
    send()
    said = json.loads(next(folder.glob("*.json")).read_text())
    token = CheckoutSession.objects.get().token
    assert said["to"] == "+4915112345678"
    assert said["text"] == (
        f"Shop: the payment of 12.50 USD did not go through. Try again: https://pay.shop.example/checkout/{token}"
    )
    assert CustomerMessage.objects.get().sent_at is not None


def test_what_is_owed_by_sms_is_given_up_where_it_was_switched_off_since(shop: Client, settings: Any) -> None:
    settings.SMS_BACKEND = "none"
    owed(failed_payment(shop), Kind.FAILED, channel="sms")
    send()
    row = CustomerMessage.objects.get()
    assert (row.sent_at, row.due_at, row.trouble) == (None, None, "given up after 1 tries: SMS is switched off")


def test_a_folder_that_cannot_be_written_is_trouble_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "sms").write_text("a file where the folder should be")
    result = sms.Files(tmp_path / "sms").send("+4915112345678", "hello")
    assert (result.is_down, result.trouble) == (True, "FileExistsError: File exists")


@pytest.mark.parametrize("unknown", [False, True])
@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("kind", sorted(BY_SMS))
def test_every_sms_fits_into_160_characters_of_the_gsm_alphabet(
    shop: Client, folder: Path, kind: str, language: str, *, unknown: bool
) -> None:
    payment = queued_payment(shop)
    Client.objects.update(name="A Shop of Fine Things and More")
    Order.objects.update(customer_language=language)
    occurrence = _surplus(payment) if kind == Kind.REFUNDED else "att_1" if unknown else ""
    message = CustomerMessage(payment=payment, kind=kind, channel="sms", occurrence=occurrence)
    payment = Payment.objects.select_related("order__client").get()
    text = sms_text.sms_text(message, payment, CheckoutSession.objects.get())
    assert text.startswith("A Shop of Fine Thing: ")
    assert set(text) <= GSM
    # One that is longer is sent in two parts; what cannot be shortened is the link.
    assert len(text) <= 160 + (40 if language == "de" else 0)


@pytest.mark.parametrize(
    ("language", "minor", "currency", "text"),
    [
        ("en", 123450, "USD", "Shop: We have received your payment of 1,234.50 USD. Thank you."),
        ("en", 12500, "JPY", "Shop: We have received your payment of 12,500 JPY. Thank you."),
        ("en", 1250, "KWD", "Shop: We have received your payment of 1.250 KWD. Thank you."),
        ("de", 123450, "USD", "Shop: Wir haben Ihre Zahlung über 1.234,50 USD erhalten. Vielen Dank."),
        ("de", 12500, "JPY", "Shop: Wir haben Ihre Zahlung über 12.500 JPY erhalten. Vielen Dank."),
        ("de", 1250, "KWD", "Shop: Wir haben Ihre Zahlung über 1,250 KWD erhalten. Vielen Dank."),
    ],
)
def test_an_amount_is_written_as_the_language_of_the_sms_writes_it(
    shop: Client, folder: Path, language: str, minor: int, currency: str, text: str
) -> None:
    visit(after(sent(shop, amount=minor, currency=currency), Outcome.SUCCEEDED))
    Order.objects.update(customer_language=language)
    payment = Payment.objects.select_related("order__client").get()
    message = CustomerMessage(payment=payment, kind=Kind.RECEIVED, channel="sms")
    session = CheckoutSession.objects.get()
    link = f"https://pay.shop.example/checkout/{session.token}/status"
    assert sms_text.sms_text(message, payment, session) == f"{text} {link}"


def _surplus(payment: Payment) -> str:
    return SurplusCharge.objects.create(
        payment=payment,
        attempt=payment.attempts.get(),
        gateway="primary",
        gateway_reference="ch_2",
        amount=999,
        currency="USD",
        reason="duplicate_charge",
        due_at=None,
    ).pk
