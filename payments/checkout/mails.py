"""What the pages say about the messages that a customer gets: only of such as are really written down to be sent."""

from payments import words
from payments.models import CustomerMessage, Payment

Channel = CustomerMessage.Channel


def sentence_about(payment: Payment) -> str:
    """Return what the customer reads about the message concerning `payment`; empty where there is none.

    Costs one statement on levels 4 and 6 of the ladder, else none.
    """
    if not words.was_accepted(payment) and not words.is_our_fault(payment):
        return ""
    waiting = words.is_accepted_unpaid(payment)
    kind = CustomerMessage.Kind.DELAYED if waiting else CustomerMessage.Kind.RESUME
    rows = CustomerMessage.objects.filter(payment=payment.pk, kind=kind, occurrence="")
    messages = [message for message in rows if message.due_at is not None or message.sent_at is not None]
    if not messages:
        return ""
    how = _how({message.channel for message in messages})
    if waiting:
        return f"We confirm this by {how}, and write again should we need you."
    if any(message.sent_at is not None for message in messages):
        return f"We have sent you a link to this page by {how}, because it should work again now."
    if words.was_accepted(payment):
        return f"We send you the link to pay by {how}, too."
    return f"We send you a link to pay by {how} as soon as it works again."


def _how(channels: set[str]) -> str:
    if channels == {Channel.EMAIL, Channel.SMS}:
        return "e-mail and SMS"
    return "SMS" if Channel.SMS in channels else "e-mail"
