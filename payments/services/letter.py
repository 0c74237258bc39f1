"""Writes the e-mails to customers, in text and HTML and in their language: plain words, the shop's name, one link (F6).

Reads the database; what it returns can be sent by any thread.
"""

from collections.abc import Mapping
from email.utils import formataddr, parseaddr
from typing import Any, Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy

from payments import words
from payments.models import CheckoutSession, CustomerMessage, Payment, SurplusCharge
from payments.services.messages_money import given_back
from payments.states import SurplusState

Kind = CustomerMessage.Kind

_SUBJECTS: Final = {
    Kind.RECEIVED: gettext_lazy("Your payment for order %(order)s at %(shop)s"),
    Kind.DELAYED: gettext_lazy("Your order %(order)s at %(shop)s is accepted"),
    Kind.CONFIRM: gettext_lazy("Please confirm the payment of your order %(order)s at %(shop)s"),
    Kind.RESOLVED: gettext_lazy("Your delayed payment for order %(order)s at %(shop)s is done"),
    Kind.FAILED: gettext_lazy("The payment of your order %(order)s at %(shop)s did not go through"),
    Kind.RESUME: gettext_lazy("You can pay your order %(order)s at %(shop)s now"),
    Kind.REFUNDED: gettext_lazy("Money is on its way back to you: order %(order)s at %(shop)s"),
    Kind.REFUND_FAILED: gettext_lazy("We are still giving money back to you: order %(order)s at %(shop)s"),
}
# Of a payment whose outcome nobody knows.
_CHECKING: Final = gettext_lazy("We are checking your payment for order %(order)s at %(shop)s")
_TO_PAY: Final = (Kind.FAILED, Kind.RESUME)


def letter(message: CustomerMessage, payment: Payment, session: CheckoutSession | None) -> EmailMultiAlternatives:
    """Return the e-mail of `message` about `payment`, whose order and client are loaded, with a link to `session`."""
    shop, order = payment.order.client, payment.order
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    support = _one_line(shop.support_email)
    with translation.override(language_of(payment)):
        context = context_of(message, payment, session)
        subject = _CHECKING if context["is_unknown"] else _SUBJECTS[Kind(message.kind)]
        mail = EmailMultiAlternatives(
            subject=_one_line(str(subject) % {"order": order.reference, "shop": shop.name}),
            body=render_to_string(f"mail/{message.kind}.txt", context).strip() + "\n",
            from_email=formataddr((_one_line(shop.name), sender)),
            to=[message.address],
            reply_to=[support] if support else None,
            headers={"Message-ID": message_id(message, sender), "Auto-Submitted": "auto-generated"},  # RFC 3834
        )
        mail.attach_alternative(render_to_string(f"mail/{message.kind}.html", context), "text/html")
    return mail


def language_of(payment: Payment) -> str:
    """Return the language of messages to the customer of `payment`."""
    return payment.order.customer_language or settings.LANGUAGE_CODE


def context_of(message: CustomerMessage, payment: Payment, session: CheckoutSession | None) -> Mapping[str, Any]:
    """Return what the templates of all channels show."""
    money = given_back(message.occurrence) if message.kind in {Kind.REFUNDED, Kind.REFUND_FAILED} else None
    amount = (money.amount, money.currency) if money else (payment.amount, payment.currency)
    language = language_of(payment)
    return {
        "shop": payment.order.client,
        "order": payment.order,
        "payment": payment,
        "amount": words.readable(*amount, language),
        "reason": money.reason if money else "",
        "is_unknown": message.kind == Kind.DELAYED and bool(message.occurrence),
        "was_accepted": words.was_accepted(payment),
        "is_free": message.kind in _TO_PAY and not _holds_money(payment),
        "link": link_of(message, session),
        "language": language,
        "demo": settings.DEMO,
    }


def link_of(message: CustomerMessage, session: CheckoutSession | None) -> str:
    """Return where the message leads; empty where the order has no checkout page."""
    if session is None:
        return ""
    page = "checkout:checkout" if message.kind in _TO_PAY else "checkout:status"
    return str(settings.PUBLIC_URL) + reverse(page, args=[session.token])


def message_id(message: CustomerMessage, sender: str) -> str:
    """Return the same id each time, so that mail programs show an e-mail that was sent twice once (RFC 5322)."""
    domain = sender.rpartition("@")[2] or "localhost"
    occurrence = f".{message.occurrence}" if message.occurrence else ""
    return f"<{message.kind}{occurrence}.{message.payment_id}@{domain}>"


def _holds_money(payment: Payment) -> bool:
    """Say whether a gateway took money for the order without right that is not back yet: it was charged, then."""
    taken = SurplusCharge.objects.filter(payment__order=payment.order_id, taken=True)
    return taken.exclude(state=SurplusState.RETURNED).exists()


def _one_line(text: str) -> str:
    """Return `text` as a header may hold it: a line end would begin another header."""
    return " ".join(text.split())
