"""Says whether a message to a customer is still true, right before it is sent: nothing false leaves (F6)."""

from payments import words
from payments.models import CheckoutSession, CustomerMessage, Payment
from payments.services.messages_money import given_back
from payments.states import LIVE_OR_SUCCESSFUL, PaymentStatus

Kind = CustomerMessage.Kind


def why_not(message: CustomerMessage, payment: Payment, session: CheckoutSession | None) -> str:
    """Return why the message is not true or of no use any more; empty where it is to be sent.

    session: the page to which its link would lead.
    """
    if message.kind in {Kind.RECEIVED, Kind.RESOLVED}:
        return _unless(payment, holds=payment.status == PaymentStatus.SUCCESS)
    if message.kind == Kind.DELAYED:
        return _delayed(message, payment)
    if message.kind in {Kind.REFUNDED, Kind.REFUND_FAILED}:
        money = given_back(message.occurrence)
        return "" if money is not None and money.tells == message.kind else "the money is elsewhere by now"
    if session is None:
        return "the order has no checkout page"
    if message.kind != Kind.CONFIRM and session.ended_at is not None:
        # It may have sold the goods to somebody else.
        return "the shop was told that the checkout is over"
    if message.kind == Kind.CONFIRM:
        return _unless(payment, holds=payment.status == PaymentStatus.REQUIRES_ACTION)
    return _link(payment)


def _delayed(message: CustomerMessage, payment: Payment) -> str:
    if not message.occurrence:
        return _unless(payment, holds=words.is_accepted_unpaid(payment))
    if not payment.outcome_unknown:
        return "the outcome is known by now"
    others = CustomerMessage.objects.filter(payment=payment.pk, kind=Kind.DELAYED, channel=message.channel)
    return "the customer was told already" if others.filter(sent_at__isnull=False).exists() else ""


def _link(payment: Payment) -> str:
    """A link to pay is for whoever has not paid, is not paying, and has not come back without it."""
    others = Payment.objects.filter(order=payment.order_id)
    standing = others.filter(status__in=LIVE_OR_SUCCESSFUL).values_list("status", flat=True).first()
    if standing is not None:
        return "the order is paid" if standing == PaymentStatus.SUCCESS else "another try is under way"
    if others.filter(created_at__gt=payment.created_at).exists():
        return "the customer has tried again since"
    return _unless(payment, holds=payment.status in {PaymentStatus.FAILED, PaymentStatus.EXPIRED})


def _unless(payment: Payment, *, holds: bool) -> str:
    return "" if holds else f"the payment is {payment.status} by now"
