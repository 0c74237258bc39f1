"""Sends customers their messages: a source of the outbox (payments/services/outbox.py).

The loop's thread claims, looks whether a message is still true, and writes it; a thread of the pool only sends. A
crash between sending and noting it sends the same e-mail once more, under the same Message-ID.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments import audit
from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import CheckoutSession, CustomerMessage, Payment
from payments.services import mail, sms
from payments.services.health import is_back
from payments.services.letter import letter
from payments.services.messages_truth import why_not
from payments.services.messages_way import LEASE, MOST_TRIES, Pace, Result, Way, next_try
from payments.services.outbox import Ask, Write
from payments.services.sms_text import sms_text

logger = logging.getLogger(__name__)

Kind = CustomerMessage.Kind
Channel = CustomerMessage.Channel

# Of each channel; a mail server does not like many connections at once.
AT_ONCE: Final = 4
# How long a link to pay works, from when it is sent.
LINK_LIFE: Final = timedelta(hours=48)
# Begins the trouble of an SMS whose answer was lost once: it may have gone out.
LOST: Final = "May have been sent. "


class Messages:
    """The source; one per loop, as it knows what is under way in it."""

    def __init__(self) -> None:
        self._ways = {channel: Way(AT_ONCE) for channel in Channel}
        # As many customers come back as a drained queue would charge, and none before a gateway does.
        self._links = Pace(lambda: any(is_back(gateway["name"]) for gateway in settings.GATEWAYS))

    def anything_due(self) -> bool:
        due = self._due([channel for channel, way in self._ways.items() if way.room()])
        if due.exclude(kind=Kind.RESUME).exists():
            return True
        return due.filter(kind=Kind.RESUME).exists() and self._links.room(settings.DRAIN_PER_SECOND) > 0

    def claim(self, limit: int, because: Because) -> Sequence[Ask]:
        """Claim due messages; end those that are not true any more, and return the sending of the others."""
        asks: list[Ask] = []
        for channel, way in self._ways.items():
            messages = self._claimed(channel, min(way.room(), limit - len(asks)))
            sendings = [self._prepared(message, because) for message in messages]
            asks += [way.taking(ask) for ask in sendings if ask is not None]
        return asks

    @staticmethod
    def _due(channels: Sequence[str]) -> "QuerySet[CustomerMessage]":
        return CustomerMessage.objects.filter(due_at__lte=Now(), channel__in=channels)

    def _claimed(self, channel: str, limit: int) -> list[CustomerMessage]:
        """Return messages whose try is counted, for which nobody else has the lease."""
        if limit <= 0:
            return []
        links = self._links.room(settings.DRAIN_PER_SECOND)
        with transaction.atomic():
            due = self._due([channel]).order_by("due_at", "pk")
            due = due if links else due.exclude(kind=Kind.RESUME)
            if connection.features.has_select_for_update_skip_locked:
                due = due.select_for_update(skip_locked=True, no_key=True)
            messages = list(due[: min(limit, links) if links else limit])
            until = database_now() + LEASE
            for message in messages:
                if message.claimed_until is not None and message.channel == Channel.SMS:
                    # Whoever had it died, perhaps after sending it.
                    message.trouble = message.trouble or LOST
                message.tries += 1
                message.due_at = message.claimed_until = until
                message.save(update_fields=["tries", "due_at", "claimed_until", "trouble"])
        self._links.take(sum(message.kind == Kind.RESUME for message in messages))
        if __debug__ and messages:
            reach("mail.claimed")
        return messages

    def _prepared(self, message: CustomerMessage, because: Because) -> Ask | None:
        """Return the sending of a claimed message; None where it ended otherwise."""
        try:
            payment = Payment.objects.select_related("order__client").get(pk=message.payment_id)
            session = CheckoutSession.objects.filter(order_id=payment.order_id).order_by("-created_at").first()
            reason = why_not(message, payment, session)
            if message.tries > MOST_TRIES:
                reason = "no worker lived long enough to send it"
            if reason:
                _end(message, because, "message.dropped", reason)
                return None
            send = _sending(message, payment, session)
        except Exception as error:  # whatever is wrong with one message must not stop the others
            logger.exception("a message about %s could not be written", message.payment_id)
            _not_sent(message, because, Result(type(error).__name__))
            return None
        return partial(self._ask, message, send, because)

    def _ask(self, message: CustomerMessage, send: Callable[[], Result], because: Because) -> Write:
        """Run in a thread of the pool."""
        return partial(self._heard, message, send(), because)

    def _heard(self, message: CustomerMessage, result: Result, because: Because) -> None:
        self._ways[Channel(message.channel)].heard(result)
        if result.trouble:
            logger.warning("a message about %s was not taken: %s", message.payment_id, result.trouble)
            _not_sent(message, because, result)
            return
        if __debug__:
            reach("mail.sent")
        _end(message, because, "message.sent")


def _sending(message: CustomerMessage, payment: Payment, session: CheckoutSession | None) -> Callable[[], Result]:
    """Return what sends the message, which needs no database for it."""
    if session is not None and message.kind in {Kind.FAILED, Kind.RESUME}:
        until = database_now() + LINK_LIFE
        CheckoutSession.objects.filter(pk=session.pk, expires_at__lt=until).update(expires_at=until)
    if message.channel == Channel.SMS:
        return partial(sms.backend().send, message.address, sms_text(message, payment, session))
    return partial(mail.deliver, letter(message, payment, session))


def _not_sent(message: CustomerMessage, because: Because, result: Result) -> None:
    was_lost = message.trouble.startswith(LOST)
    wait = next_try(message.tries)
    if result.is_final or wait is None or (result.is_lost and was_lost):
        _end(message, because, "message.given_up", f"given up after {message.tries} tries: {result.trouble}")
        return
    trouble = f"{LOST if was_lost or result.is_lost else ''}{result.trouble}"[:200]
    # Whoever took it over meanwhile goes on by itself.
    CustomerMessage.objects.filter(pk=message.pk, claimed_until=message.claimed_until).update(
        due_at=database_now() + wait, claimed_until=None, trouble=trouble
    )


def _end(message: CustomerMessage, because: Because, action: str, trouble: str = "") -> None:
    """Note that nothing is left to do, in the audit trail, too."""
    trouble = trouble[:200]
    with transaction.atomic():
        # Under its lock, because the entry tells the state that the payment has now.
        payment = Payment.objects.select_for_update(no_key=True).get(pk=message.payment_id)
        sent_at = database_now() if action == "message.sent" else None
        open_row = CustomerMessage.objects.filter(pk=message.pk, sent_at__isnull=True)
        if not open_row.update(due_at=None, claimed_until=None, sent_at=sent_at, trouble=trouble):
            return
        told = {"message": message.kind, "channel": message.channel, "tries": message.tries}
        audit.payment_entry(payment, action, because, before=payment.status, reason=trouble, **told).save(
            force_insert=True
        )
