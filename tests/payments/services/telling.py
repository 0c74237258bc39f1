"""What the tests of messages and alerts share: customers with addresses, payments, and a loop that sends."""

from datetime import timedelta

from django.core import mail as outgoing
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.utils import timezone

from payments.clock import database_now
from payments.gateways.base import Kind
from payments.models import CheckoutSession, Circuit, Client, CustomerMessage, Order, Payment
from payments.services.messages_outbox import Messages
from payments.services.outbox import Outbox, Source
from tests.payments.conftest import BECAUSE, after, sent
from tests.support.virtual_time import advance

HOUR = timedelta(hours=1)
DELAYED, RESUME, FAILED = CustomerMessage.Kind.DELAYED, CustomerMessage.Kind.RESUME, CustomerMessage.Kind.FAILED


def send(source: Source | None = None) -> None:
    """Send what is due, as the outbox loop does."""
    outbox = Outbox(BECAUSE, [source or Messages()], threads=8)
    outbox.drain()
    outbox.finish()


def visit(payment: Payment, *, expires_in: timedelta = HOUR) -> CheckoutSession:
    """Let the payment's order have been paid on a checkout page, by somebody with an e-mail address."""
    Order.objects.filter(pk=payment.order_id).update(customer_email="anna@shop.test", customer_name="Anna")
    return CheckoutSession.objects.create(
        client_id=payment.client_id,
        order_id=payment.order_id,
        return_url="https://shop.test/thanks",
        expires_at=timezone.now() + expires_in,
    )


def owed(payment: Payment, kind: str, *, channel: str = "email", occurrence: str = "") -> CustomerMessage:
    """Have a message of `kind` be due."""
    return CustomerMessage.objects.create(
        payment=payment,
        kind=kind,
        channel=channel,
        occurrence=occurrence,
        address="anna@shop.test" if channel == "email" else "+4915112345678",
        due_at=database_now(),
    )


def queued_payment(shop: Client) -> Payment:
    """A payment whose order was accepted although no gateway answered."""
    payment = after(sent(shop), Kind.NOT_SENT, "refused")
    visit(payment)
    Payment.objects.update(level=4, queued_at=timezone.now())
    return Payment.objects.get()


def failed_payment(shop: Client, order: str = "order-1") -> Payment:
    """A payment that failed for a fault of ours."""
    payment = after(sent(shop, f"{order}-pay", order=order), Kind.NOT_SENT, "refused")
    payment.level = 6
    payment.fail(code="gateway_unavailable", now=timezone.now())
    payment.save()
    visit(payment)
    return payment


def breaker(*, is_open: bool) -> None:
    """Set the charge circuit of all gateways."""
    for gateway in ("primary", "secondary"):
        Circuit.objects.update_or_create(
            gateway=gateway,
            operation="charge",
            defaults={"state": "open" if is_open else "closed", "try_at": timezone.now() + HOUR if is_open else None},
        )


def told() -> list[tuple[str, str, bool]]:
    """Return kind, channel, and whether it is out, of all messages, in the order in which they were written."""
    rows = CustomerMessage.objects.order_by("pk")
    return [(row.kind, row.channel, row.sent_at is not None) for row in rows]


def html_of(message: EmailMessage) -> str:
    assert isinstance(message, EmailMultiAlternatives)
    ((content, kind),) = message.alternatives
    assert kind == "text/html"
    return str(content)


def trouble() -> str:
    """Return why the one message is not sent and never will be."""
    row = CustomerMessage.objects.get()
    assert (row.due_at, row.sent_at, outgoing.outbox) == (None, None, [])
    return row.trouble


__all__ = [
    "DELAYED",
    "FAILED",
    "HOUR",
    "RESUME",
    "advance",
    "breaker",
    "failed_payment",
    "html_of",
    "owed",
    "queued_payment",
    "send",
    "told",
    "trouble",
    "visit",
]
