"""The one door through which everything that is heard about an attempt comes in.

Reply, look-up, recovery, webhook and operator all call `apply`. It locks the payments, looks again at what is known by
now, makes the transitions, and writes the audit trail and the books in the same transaction. What is heard twice, late
or out of order therefore changes nothing that is already right.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import transaction

from payments.audit import Because
from payments.bulk import insert_each, update_each
from payments.clock import database_now
from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, AuditEntry, LedgerPosting, OperatorTask, Payment
from payments.services import consequences

PAYMENT_FIELDS = (
    *("status", "outcome_unknown", "review_reason", "gateway", "action_url", "error_code", "error_at"),
    *("retry_count", "due_at", "claimed_until", "processed_at", "updated_at"),
)
ATTEMPT_FIELDS = (
    *("state", "gateway_reference", "reason", "decline_code", "message", "http_status"),
    *("looks", "not_found_at", "finished_at"),
)


_DEFINITE: Final = (Kind.SUCCEEDED, Kind.DECLINED, Kind.ACTION_REQUIRED)


@dataclass(frozen=True, slots=True)
class Heard:
    """Something heard about one attempt.

    looked: the answer of a look-up; sent: the answer to sending the charge. Both are true where a look-up found
    nothing and the charge was sent again. fence: the claim under which a worker asked, None for news that came by
    itself. asked_at: the database's time of that claim; the gateway answered later than that.
    """

    attempt_id: str
    payment_id: str
    outcome: Outcome
    because: Because
    looked: bool = False
    sent: bool = True
    fence: int | None = None
    asked_at: datetime | None = None


@dataclass(slots=True)
class Book:
    """What one pass through the door writes besides the rows themselves.

    answered: ids of payments whose outcome is known now, so that nobody need find out any more.
    """

    now: datetime
    entries: list[AuditEntry] = field(default_factory=list)
    postings: list[LedgerPosting] = field(default_factory=list)
    tasks: list[OperatorTask] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)


def apply(news: Sequence[Heard]) -> None:
    """Make all of `news` true in one transaction. Safe to call again with the same news."""
    if not news:
        return
    with transaction.atomic():
        ids = {heard.payment_id for heard in news}
        # Always locked in the order of their ids, so that two groups cannot wait for each other.
        payments = {
            payment.pk: payment
            for payment in Payment.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
        }
        attempts = Attempt.objects.in_bulk([heard.attempt_id for heard in news])
        book = Book(now=database_now())
        for heard in news:
            payment = payments[heard.payment_id]
            if _is_stale(heard, payment):
                continue
            if heard.fence is not None:
                payment.claimed_until = None
            consequences.of(payment, attempts[heard.attempt_id], heard, book, random.random)
        _write(list(payments.values()), list(attempts.values()), book)


def _is_stale(heard: Heard, payment: Payment) -> bool:
    """Say whether `heard` comes from a worker that was taken over and proves nothing.

    Its "not found" or "no answer" is older than what the present holder asks, and may have been overtaken by what that
    one sent; only a definite answer is true at any time.
    """
    return heard.fence is not None and heard.fence < payment.fence and heard.outcome.kind not in _DEFINITE


def _write(payments: list[Payment], attempts: list[Attempt], book: Book) -> None:
    for payment in payments:
        payment.updated_at = book.now
    update_each(attempts, ATTEMPT_FIELDS)
    update_each(payments, PAYMENT_FIELDS)
    insert_each(book.entries)
    insert_each(book.postings)
    if book.answered:
        moot = OperatorTask.objects.filter(kind=OperatorTask.Kind.UNKNOWN_TOO_LONG, closed_at__isnull=True)
        moot.filter(payment_id__in=book.answered).update(
            closed_at=book.now, closed_by="paysite", resolution="The gateway answered."
        )
    if book.tasks:
        # A question that is already open is not asked twice.
        OperatorTask.objects.bulk_create(book.tasks, ignore_conflicts=True)
