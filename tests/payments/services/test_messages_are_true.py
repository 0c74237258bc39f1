"""No message says paid, received, charged or given back where it is not: every status × every kind (F6)."""

import re
from typing import Any

import pytest
from django.core import mail as outgoing
from django.utils import timezone

from payments.models import Client, CustomerMessage, Payment, SurplusCharge
from payments.services import sms
from payments.services.messages_way import Result
from payments.states import PaymentStatus, SurplusState
from tests.payments.conftest import accepted, sent
from tests.payments.services.telling import html_of, owed, send, visit

pytestmark = pytest.mark.django_db(transaction=True)

Kind = CustomerMessage.Kind
SUCCESS, FAILED, EXPIRED = PaymentStatus.SUCCESS, PaymentStatus.FAILED, PaymentStatus.EXPIRED
# When each kind may leave, by the state of the payment alone. Everything else is dropped.
MAY_LEAVE: dict[str, set[str]] = {
    Kind.RECEIVED: {SUCCESS},
    Kind.RESOLVED: {SUCCESS},
    Kind.DELAYED: {"pending", "processing", "requires_action", "retrying", "review"},
    Kind.CONFIRM: {PaymentStatus.REQUIRES_ACTION},
    Kind.FAILED: {FAILED, EXPIRED},
    Kind.RESUME: {FAILED, EXPIRED},
}
# Says that money came, or that the payment is done; the negations are taken out before.
SAYS_PAID = re.compile(r"\b(paid|received|receipt|charged|done|successful|thank you for your payment)\b", re.IGNORECASE)
NOT_SAID = re.compile(
    r"not be charged twice|were not charged|nothing is charged before|when the payment is done|not pay|charged you a"
    r" second time by mistake",
    re.IGNORECASE,
)


@pytest.fixture
def texts(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SMS that were sent."""
    settings.SMS_BACKEND = "file"
    found: list[str] = []

    def keep(_self: sms.Files, _to: str, text: str) -> Result:
        found.append(text)
        return Result()

    monkeypatch.setattr(sms.Files, "send", keep)
    return found


# From `processing`, by edges that exist.
PATHS = {
    "processing": (),
    "success": ("success",),
    "failed": ("failed",),
    "requires_action": ("requires_action",),
    "review": ("review",),
    "retrying": ("retrying",),
    "expired": ("retrying", "expired"),
    "canceled": ("retrying", "canceled"),
}
OPEN = {"pending", "processing", "requires_action", "retrying", "review"}


def payment_in(shop: Client, status: str, **more: Any) -> Payment:
    """Return a payment in `status`, whose order had been accepted for later."""
    payment = accepted(shop) if status == "pending" else sent(shop).payment
    visit(payment)
    for step in PATHS.get(status, ()):
        Payment.objects.update(status=step)
    Payment.objects.update(
        queued_at=timezone.now(), processed_at=None if status in OPEN else timezone.now(), due_at=None, **more
    )
    return Payment.objects.get()


def both_owed(payment: Payment, kind: str, occurrence: str = "") -> None:
    owed(payment, kind, occurrence=occurrence)
    owed(payment, kind, occurrence=occurrence, channel="sms")


def said(texts: list[str]) -> list[str]:
    mails = [(str(message.subject), str(message.body), html_of(message)) for message in outgoing.outbox]
    return [*texts, *(part for mail in mails for part in mail)]


def says_paid(text: str) -> bool:
    return SAYS_PAID.search(NOT_SAID.sub("", text)) is not None


@pytest.mark.parametrize("status", PaymentStatus.values)
@pytest.mark.parametrize("kind", sorted(MAY_LEAVE))
def test_a_message_leaves_only_in_the_states_in_which_it_is_true(
    shop: Client, texts: list[str], kind: str, status: str
) -> None:
    payment = payment_in(shop, status)
    both_owed(payment, kind)
    send()
    leaves = status in MAY_LEAVE[kind]
    assert (len(outgoing.outbox), len(texts)) == ((1, 1) if leaves else (0, 0))
    if status != SUCCESS:
        assert [text for text in said(texts) if says_paid(text)] == []
    if kind in {Kind.RECEIVED, Kind.RESOLVED} and leaves:
        assert any(says_paid(text) for text in said(texts))


@pytest.mark.parametrize("status", ["processing", "review"])
def test_while_nobody_knows_nothing_is_said_to_be_paid_or_not_charged(
    shop: Client, texts: list[str], status: str
) -> None:
    payment = payment_in(shop, status, outcome_unknown=True)
    both_owed(payment, Kind.DELAYED, occurrence="att_1")
    send()
    found = said(texts)
    assert len(found) == 4
    assert [text for text in found if says_paid(text) or "not charged" in text] == []
    assert all("do not pay again" in text.lower() for text in found[:1] + found[2:])


@pytest.mark.parametrize(("state", "leaves"), [("owed", ""), ("returned", "refunded"), ("refused", "refund_failed")])
def test_money_is_told_to_be_back_only_once_it_is(shop: Client, texts: list[str], state: str, leaves: str) -> None:
    charge = surplus(payment_in(shop, "success"), state)
    for kind in (Kind.REFUNDED, Kind.REFUND_FAILED):
        owed(charge.payment, kind, occurrence=charge.pk)
    send()
    found = " ".join(said(texts))
    assert ("given 9.99 USD back" in found) is (leaves == "refunded")
    assert ("could not give 9.99 USD back" in found) is (leaves == "refund_failed")
    assert ("second time by mistake" in found) is bool(leaves)
    assert "12.50" not in found


def test_a_link_says_not_charged_only_where_no_money_is_held(shop: Client, texts: list[str]) -> None:
    payment = payment_in(shop, "failed")
    both_owed(payment, Kind.FAILED)
    send()
    assert "You were not charged." in outgoing.outbox[0].body
    CustomerMessage.objects.all().delete()
    outgoing.outbox.clear()
    surplus(payment, "owed")
    owed(payment, Kind.FAILED)
    send()
    assert len(outgoing.outbox) == 1
    assert "charged" not in f"{outgoing.outbox[0].body}{html_of(outgoing.outbox[0])}"


def surplus(payment: Payment, state: str) -> SurplusCharge:
    charge = SurplusCharge.objects.create(
        payment=payment,
        attempt=payment.attempts.get(),
        gateway="primary",
        gateway_reference="ch_2",
        amount=999,
        currency="USD",
        reason="duplicate_charge",
        due_at=None,
    )
    if state != SurplusState.OWED:
        SurplusCharge.objects.update(state=state)
    return charge


@pytest.mark.parametrize("kind", sorted(MAY_LEAVE))
def test_no_message_tells_a_reason_of_fraud_a_gateway_or_a_level(shop: Client, texts: list[str], kind: str) -> None:
    status = min(MAY_LEAVE[kind])
    payment = payment_in(shop, status, error_code="stolen_card", level=5, level_reason="primary declined: fraud")
    both_owed(payment, kind)
    send()
    found = said(texts)
    assert len(found) == 4
    for text in found:
        assert not any(word in text.lower() for word in ("stolen", "fraud", "primary", "secondary", "level"))
