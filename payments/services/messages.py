"""Says which messages a customer is owed about a payment (requirements F3, G7, C3).

Every function returns rows that are not saved: the caller writes them in the transaction of what they tell, by
`Book.owe`. `payment` is locked and its order loaded. Where nobody left an address, nothing is asked or written.
Whether a message is still true is asked again before it is sent (payments/services/messages_truth.py).
"""

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q

from payments.models import CustomerMessage, Payment

Kind = CustomerMessage.Kind
Channel = CustomerMessage.Channel

# An outcome that stays unknown for less is not worth a message; most are known after a look-up.
TELL_UNKNOWN_AFTER: Final = timedelta(minutes=2)
# Who fails with one card mostly tries another at once; a link is for those who left.
TELL_FAILED_AFTER: Final = timedelta(minutes=10)
# A gateway whose breaker is still closed has not shown within moments that it works again.
LINK_AFTER: Final = timedelta(minutes=1)
# Everything but what needs more words than an SMS has.
BY_SMS: Final = frozenset(Kind) - {Kind.REFUND_FAILED}
# The last try of the message left, or may have: the customer knows.
_TOLD: Final = Q(sent_at__isnull=False) | Q(claimed_until__isnull=False)


def paid(payment: Payment, now: datetime) -> list[CustomerMessage]:
    """The payment has succeeded: `received`, or `resolved` where the customer was told that it takes longer."""
    if not _addresses(payment, Kind.RECEIVED):
        return []
    was_delayed = payment.queued_at is not None or _told(payment, Kind.DELAYED)
    return _owed(payment, Kind.RESOLVED if was_delayed else Kind.RECEIVED, now)


def accepted_for_later(payment: Payment, now: datetime) -> list[CustomerMessage]:
    """The order is accepted although nobody could charge (level 4)."""
    return _owed(payment, Kind.DELAYED, now)


def outcome_unknown(payment: Payment, attempt_id: str, now: datetime) -> list[CustomerMessage]:
    """Nobody knows whether `attempt_id` charged: worth a message if that lasts. Not after an accepted order: that
    customer was told already that there is nothing to do."""
    if payment.queued_at is not None:
        return []
    return _owed(payment, Kind.DELAYED, now + TELL_UNKNOWN_AFTER, attempt_id)


def confirm(payment: Payment, now: datetime) -> list[CustomerMessage]:
    """The bank wants to be asked, and the customer is not looking at any page."""
    return _owed(payment, Kind.CONFIRM, now)


def failed(payment: Payment, now: datetime) -> list[CustomerMessage]:
    """The payment has ended uncharged, and could be tried again now."""
    return _owed(payment, Kind.FAILED, now + TELL_FAILED_AFTER)


def link_when_back(payment: Payment, now: datetime) -> list[CustomerMessage]:
    """The payment has ended because nobody could charge: a link once a gateway is back, not before a minute later."""
    return _owed(payment, Kind.RESUME, now + LINK_AFTER)


def refunded(payment: Payment, occurrence: str, now: datetime) -> list[CustomerMessage]:
    """Money is on its way back. occurrence: the id of what gave it back, which says how much and why
    (payments/services/messages_money.py)."""
    return _owed(payment, Kind.REFUNDED, now, occurrence)


def refund_failed(payment: Payment, occurrence: str, now: datetime) -> list[CustomerMessage]:
    """Money could not be given back by itself; people see to it. occurrence: as in `refunded`."""
    return _owed(payment, Kind.REFUND_FAILED, now, occurrence)


def _owed(payment: Payment, kind: str, due_at: datetime, occurrence: str = "") -> list[CustomerMessage]:
    return [
        CustomerMessage(
            payment_id=payment.pk, kind=kind, channel=channel, occurrence=occurrence, address=address, due_at=due_at
        )
        for channel, address in _addresses(payment, kind).items()
    ]


def _addresses(payment: Payment, kind: str) -> dict[str, str]:
    """Return channel → address of everything by which the customer can be told."""
    order, found = payment.order, {}
    if order.customer_email:
        found[Channel.EMAIL.value] = order.customer_email
    if order.customer_phone and kind in BY_SMS and settings.SMS_BACKEND != "none":
        found[Channel.SMS.value] = order.customer_phone
    return found


def _told(payment: Payment, kind: str) -> bool:
    return CustomerMessage.objects.filter(_TOLD, payment=payment.pk, kind=kind).exists()
