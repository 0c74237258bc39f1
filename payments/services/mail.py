"""Tells customers by e-mail what became of their order on levels 4 and 6 of the ladder (requirement B7).

The row is the outbox: written in the transaction of what it tells, sent afterwards by a job, which looks again whether
it is still true. A crash between sending and noting it sends the same e-mail once more, under the same Message-ID.
"""

import logging
import time
from contextlib import suppress
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.core.mail import get_connection
from django.db import connection, transaction
from django.db.models.functions import Now

from payments import audit, words
from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import CheckoutSession, CustomerMessage, Order, Payment
from payments.services.health import is_back
from payments.services.letter import letter
from payments.states import LIVE_OR_SUCCESSFUL, PaymentStatus

logger = logging.getLogger(__name__)

Kind = CustomerMessage.Kind

# Longer than a mail server may take over one e-mail.
LEASE: Final = timedelta(minutes=5)
# Seconds for which one run begins e-mails; django-q2's timeout is longer by far.
RUN_FOR: Final = 40.0
# Seconds from one run to the next (paysite/schedules.py).
MINUTE: Final = 60.0
# Minutes until the next try, by the number of tries so far; the last one for ever after.
AGAIN: Final = (1, 5, 15, 60)
# With the waits above, this many tries take a little less than 24 hours.
MOST_TRIES: Final = 27
# A mail server that fails so often in a row is down: the others need not lose a try, too.
_FAILURES_IN_A_ROW: Final = 3
# How long a link works, from when it is sent.
LINK_LIFE: Final = timedelta(hours=48)


def owe(payment: Payment, kind: str) -> CustomerMessage | None:
    """Return the e-mail of `kind` that is due about `payment`, not saved; None where nobody can get or use it.

    The caller saves it in the transaction of what it tells, and ignores that it is there already.
    """
    address = Order.objects.values_list("customer_email", flat=True).get(pk=payment.order_id)
    if not address or _session_of(payment) is None:
        return None
    return CustomerMessage(payment_id=payment.pk, kind=kind, address=address)


def send_due(because: Because) -> int:
    """Send the e-mails that are due; return how many were sent.

    Links to a checkout wait until a gateway is back, and go out no faster than a drained queue is charged.
    """
    ends_at = time.monotonic() + RUN_FOR
    may_link = any(is_back(gateway["name"]) for gateway in settings.GATEWAYS)
    links = int(settings.DRAIN_PER_SECOND * MINUTE) if may_link else 0
    sent = failures = 0
    while time.monotonic() < ends_at and failures < _FAILURES_IN_A_ROW:
        mail = _claim(Kind.values if links > 0 else [kind for kind in Kind.values if kind != Kind.RESUME])
        if mail is None:
            break
        answer = _deal(mail, because)
        sent += answer is True
        failures = failures + 1 if answer is False else 0
        links -= answer is True and mail.kind == Kind.RESUME
    return sent


def _claim(kinds: list[str]) -> CustomerMessage | None:
    with transaction.atomic():
        due = CustomerMessage.objects.filter(due_at__lte=Now(), kind__in=kinds).order_by("due_at", "pk")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True, no_key=True)
        mail = due.first()
        if mail is not None:
            mail.tries += 1
            mail.due_at = mail.claimed_until = database_now() + LEASE
            mail.save(update_fields=["tries", "due_at", "claimed_until"])
    if __debug__ and mail is not None:
        reach("mail.claimed")
    return mail


def _deal(mail: CustomerMessage, because: Because) -> bool | None:
    """Send a claimed e-mail. True: it is sent; False: it could not be; None: it is not wanted any more."""
    payment = Payment.objects.select_related("order__client").get(pk=mail.payment_id)
    session = _session_of(payment)
    why_not = "the order has no checkout page" if session is None else _why_not(mail, payment)
    if mail.tries > MOST_TRIES:
        why_not = "no worker lived long enough to send it"
    if why_not or session is None:
        _end(mail, because, "mail.dropped", why_not)
        return None
    if mail.kind == Kind.RESUME:
        until = database_now() + LINK_LIFE
        CheckoutSession.objects.filter(pk=session.pk, expires_at__lt=until).update(expires_at=until, ended_at=None)
    try:
        _send(mail, payment, session)
    except (OSError, ValueError) as error:  # smtplib's errors are OSErrors; a header that cannot be is a ValueError
        logger.warning("an e-mail about %s could not be sent: %s", payment.pk, type(error).__name__)
        _failed(mail, because, f"{type(error).__name__}: {error}"[:200])
        return False
    if __debug__:
        reach("mail.sent")
    _end(mail, because, "mail.sent")
    return True


def _why_not(mail: CustomerMessage, payment: Payment) -> str:
    """Return why the e-mail would not be true any more; empty where it still is."""
    if mail.kind == Kind.DELAYED:
        return "" if words.is_accepted_unpaid(payment) else f"the payment is {payment.status} by now"
    if mail.kind == Kind.CONFIRM:
        return "" if payment.status == PaymentStatus.REQUIRES_ACTION else f"the payment is {payment.status} by now"
    others = Payment.objects.filter(order=payment.order_id)
    standing = others.filter(status__in=LIVE_OR_SUCCESSFUL).values_list("status", flat=True).first()
    if standing is not None:
        return "the order is paid" if standing == PaymentStatus.SUCCESS else "another try is under way"
    if others.filter(created_at__gt=payment.created_at).exists():
        return "the customer has tried again since"
    return ""


def _send(mail: CustomerMessage, payment: Payment, session: CheckoutSession) -> None:
    if connection.in_atomic_block:
        raise RuntimeError("An e-mail must not be sent inside a database transaction.")
    server = get_connection()
    try:
        message = letter(mail, payment, session)
        message.connection = server
        message.send()
    finally:
        with suppress(OSError):
            server.close()


def _failed(mail: CustomerMessage, because: Because, trouble: str) -> None:
    if mail.tries >= MOST_TRIES:
        _end(mail, because, "mail.given_up", f"given up after {mail.tries} tries: {trouble}"[:200])
        return
    wait = timedelta(minutes=AGAIN[min(mail.tries, len(AGAIN)) - 1])
    # Whoever took it over meanwhile goes on by itself.
    CustomerMessage.objects.filter(pk=mail.pk, claimed_until=mail.claimed_until).update(
        due_at=database_now() + wait, claimed_until=None, trouble=trouble
    )


def _end(mail: CustomerMessage, because: Because, action: str, trouble: str = "") -> None:
    """Note that nothing is left to do, in the audit trail, too."""
    with transaction.atomic():
        # Under its lock, because the entry tells the state that the payment has now.
        payment = Payment.objects.select_for_update(no_key=True).get(pk=mail.payment_id)
        sent_at = database_now() if action == "mail.sent" else None
        open_row = CustomerMessage.objects.filter(pk=mail.pk, sent_at__isnull=True)
        if not open_row.update(due_at=None, claimed_until=None, sent_at=sent_at, trouble=trouble):
            return
        audit.payment_entry(
            payment, action, because, before=payment.status, reason=trouble, mail=mail.kind, tries=mail.tries
        ).save(force_insert=True)


def _session_of(payment: Payment) -> CheckoutSession | None:
    """Return the newest checkout session of the payment's order: where its customer comes back to."""
    return CheckoutSession.objects.filter(order_id=payment.order_id).order_by("-created_at").first()
