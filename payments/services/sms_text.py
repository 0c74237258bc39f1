"""Writes the SMS to customers in their language: short, with the shop's name and one link."""

from typing import Final

from django.template.loader import render_to_string
from django.utils import translation

from payments.models import CheckoutSession, CustomerMessage, Payment
from payments.services.letter import context_of, language_of

# Of a shop's name; the rest of the room is for the words and the link.
_NAME: Final = 20


def sms_text(message: CustomerMessage, payment: Payment, session: CheckoutSession | None) -> str:
    """Return the text of `message` about `payment`, whose order and client are loaded."""
    with translation.override(language_of(payment)):
        context = {**context_of(message, payment, session), "name": payment.order.client.name[:_NAME].strip()}
        # A template's lines are for whoever reads the template.
        return " ".join(render_to_string(f"mail/{message.kind}_sms.txt", context).split())
