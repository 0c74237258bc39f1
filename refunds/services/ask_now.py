"""Has a worker ask the gateway about a refund now instead of at the next time of the schedule."""

from django.db import transaction

from payments.audit import Because
from payments.clock import database_now
from payments.services import wake
from payments.services.book import Book
from refunds.models import Refund, RefundAttempt
from refunds.services.change import Change
from refunds.services.locks import locked
from refunds.states import CAN_BE_ASKED


def can_be_asked(refund: Refund) -> bool:
    """Say whether the gateway can be asked about `refund`: it was sent and nobody is asking, or it is over."""
    attempts = RefundAttempt.objects.filter(refund=refund)
    if refund.finished_at is not None:
        # Also one of which the gateway named nothing: it may know it by its key by now.
        return bool(refund.gateway_reference) or attempts.exists()
    return attempts.filter(state__in=CAN_BE_ASKED).exists()


def ask_now(refund_id: str, because: Because, reason: str = "") -> bool:
    """Make the refund due now, so that a worker asks the gateway what became of it.

    Returns False, with nothing changed, where there is nothing to ask about; True, with nothing changed, where a worker
    is asking at this moment. Raises Refund.DoesNotExist.
    """
    with transaction.atomic():
        refund = locked(refund_id)
        now = database_now()
        if not can_be_asked(refund):
            return False
        if refund.claimed_until is not None and refund.claimed_until > now:
            return True
        book = Book(now=now)
        refund.due_at = now
        change = Change(refund, because, book)
        change.note("refund.asked_now", reason=reason)
        change.write()
        book.write()
    wake.wake_if_idle()
    return True
