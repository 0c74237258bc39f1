"""Writes the e-mails to customers, in text and HTML: plain words, the shop's name, one link (requirement F6)."""

from email.utils import formataddr, parseaddr
from typing import Final

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from payments import words
from payments.models import CheckoutSession, CustomerMessage, Payment

_SUBJECTS: Final[dict[str, str]] = {
    CustomerMessage.Kind.DELAYED: "Your order {order} at {shop} is accepted",
    CustomerMessage.Kind.CONFIRM: "Please confirm the payment of your order {order} at {shop}",
    CustomerMessage.Kind.RESUME: "You can pay your order {order} at {shop} now",
}
_PAGES: Final[dict[str, str]] = {
    CustomerMessage.Kind.DELAYED: "checkout:status",
    CustomerMessage.Kind.CONFIRM: "checkout:status",
    CustomerMessage.Kind.RESUME: "checkout:checkout",
}


def letter(mail: CustomerMessage, payment: Payment, session: CheckoutSession) -> EmailMultiAlternatives:
    """Return the e-mail of `mail` about `payment`, whose order and client are loaded; the link leads to `session`."""
    shop, order = payment.order.client, payment.order
    context = {
        "shop": shop,
        "order": order,
        "payment": payment,
        "amount": words.readable(payment.amount, payment.currency),
        "was_accepted": words.was_accepted(payment),
        "link": settings.PUBLIC_URL + reverse(_PAGES[mail.kind], args=[session.token]),
        "demo": settings.DEMO,
    }
    subject = _SUBJECTS[mail.kind].format(order=order.reference, shop=shop.name)
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"mail/{mail.kind}.txt", context),
        from_email=formataddr((shop.name, sender)),
        to=[mail.address],
        reply_to=[shop.support_email] if shop.support_email else None,
        headers={"Message-ID": message_id(mail, sender), "Auto-Submitted": "auto-generated"},  # RFC 3834
    )
    message.attach_alternative(render_to_string(f"mail/{mail.kind}.html", context), "text/html")
    return message


def message_id(mail: CustomerMessage, sender: str) -> str:
    """Return the same id each time, so that mail programs show an e-mail that was sent twice once (RFC 5322)."""
    domain = sender.rpartition("@")[2] or "localhost"
    return f"<{mail.kind}.{mail.payment_id}@{domain}>"
