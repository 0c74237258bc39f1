"""The part of the sweep that finds refunds which nobody finished and which are due at no time (requirement C1)."""

from datetime import timedelta

from django.conf import settings
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from payments.models import Payment
from refunds.models import Refund, RefundAttempt
from refunds.states import CAN_BE_ASKED, OPEN, RefundState


def sweep(client_id: int | None) -> int:
    """Make forgotten refunds due, of one client where given; return how many there were.

    After a week nobody asks about an attempt any more: then it is with people (gateway outcomes, rule 2).
    """
    with_people = RefundAttempt.objects.filter(
        refund=OuterRef("pk"), state__in=CAN_BE_ASKED, sent_at__lte=Now() - timedelta(days=7)
    )
    forgotten = Refund.objects.filter(Q(due_at__isnull=True, state__in=OPEN) & ~Exists(with_people))
    if client_id is not None:
        forgotten = forgotten.filter(payment__in=Payment.objects.filter(client_id=client_id))
    # A request for approval has all the time that it was given.
    lapses_at = F("created_at") + timedelta(hours=settings.REFUND_APPROVAL_HOURS)
    waiting = forgotten.filter(state=RefundState.AWAITING_APPROVAL).update(due_at=lapses_at)
    return waiting + forgotten.update(due_at=Now())
