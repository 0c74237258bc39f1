"""What the pages say about the e-mails that a customer gets: only of such as are really written down to be sent."""

from payments import words
from payments.models import CustomerMessage, Payment


def sentence_about(payment: Payment) -> str:
    """Return what the customer reads about the e-mail concerning `payment`; empty where there is none.

    Costs one statement on levels 4 and 6 of the ladder, else none.
    """
    if not words.was_accepted(payment) and not words.is_our_fault(payment):
        return ""
    waiting = words.is_accepted_unpaid(payment)
    kind = CustomerMessage.Kind.DELAYED if waiting else CustomerMessage.Kind.RESUME
    mail = CustomerMessage.objects.filter(payment=payment.pk, kind=kind).first()
    if mail is None or (mail.due_at is None and mail.sent_at is None):
        return ""
    if waiting:
        return "We confirm this by e-mail, and write again should we need you."
    if mail.sent_at is not None:
        return "We have sent you a link to this page by e-mail, because it should work again now."
    if words.was_accepted(payment):
        return "We e-mail you the link to pay, too."
    return "We e-mail you a link to pay as soon as it works again."
