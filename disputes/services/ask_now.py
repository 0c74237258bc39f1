"""Has a worker ask the gateway about a dispute now instead of at the next time of the schedule."""

from datetime import datetime

from django.db import transaction

from disputes.models import Dispute
from disputes.services.change import Change
from disputes.services.heard import NOT_FOUND
from disputes.services.locks import locked
from disputes.states import DisputeStatus
from payments.audit import Because
from payments.clock import database_now
from payments.reliability.gateways import capabilities_of
from payments.services import wake
from payments.services.book import Book


def is_asked_twice(dispute: Dispute, now: datetime) -> bool:
    """Say whether the gateway has just said that it knows of no such dispute: its second answer must lie some minutes
    apart, as it ends the freeze."""
    waits = dispute.status == DisputeStatus.NEEDS_RESPONSE and dispute.trouble == NOT_FOUND
    return waits and dispute.due_at is not None and dispute.due_at > now


def can_answer(dispute: Dispute) -> bool:
    """Say whether its gateway is in the settings and answers questions about disputes."""
    capabilities = capabilities_of(dispute.gateway)
    return capabilities is not None and capabilities.disputes


def ask_now(dispute_id: str, because: Because, reason: str = "") -> bool:
    """Make the dispute due now, so that a worker asks the gateway how it stands; also one that has ended.

    Returns False, with nothing changed, where the gateway cannot be asked now; True, with nothing changed, where a
    worker is asking at this moment. Raises Dispute.DoesNotExist.
    """
    with transaction.atomic():
        dispute = locked(dispute_id)
        now = database_now()
        if not can_answer(dispute) or is_asked_twice(dispute, now):
            return False
        if dispute.claimed_until is not None and dispute.claimed_until > now:
            return True
        book = Book(now=now)
        dispute.due_at = now
        change = Change(dispute, because, book)
        change.note("dispute.asked_now", reason=reason)
        change.write()
        book.write()
    wake.wake_if_idle()
    return True
