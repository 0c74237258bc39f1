"""The one door through which everything that is heard about an attempt comes in.

Reply, look-up, recovery, webhook and operator all call `apply`. It locks the payments, looks again at what is known by
now, makes the transitions, and writes the audit trail and the books in the same transaction. What is heard twice, late
or out of order therefore changes nothing that is already right.
"""

import random
from collections.abc import Sequence
from typing import Final

from django.db import transaction

from payments.bulk import update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.base import Kind
from payments.models import Attempt, Payment
from payments.services import consequences
from payments.services.book import Book, Heard

__all__ = ["Heard", "apply"]

PAYMENT_FIELDS = (
    *("status", "outcome_unknown", "review_reason", "gateway", "action_url", "error_code", "error_at"),
    *("retry_count", "level", "level_reason", "queued_at", "events_written"),
    *("due_at", "claimed_until", "processed_at", "updated_at"),
)
ATTEMPT_FIELDS = (
    *("state", "gateway_reference", "reason", "decline_code", "message", "http_status"),
    *("never_again", "retry_at", "card_brand", "card_fingerprint", "three_d_secure"),
    *("looks", "not_found_at", "finished_at"),
)
# The crash points of what a commit may hold.
_COMMITTED: Final = {
    "payment.succeeded_late": "late_success.committed",
    "surplus.found": "surplus.committed",
    "payment.expired": "expire.committed",
    "payment.queued": "queue.committed",
}
_DEFINITE: Final = (Kind.SUCCEEDED, Kind.DECLINED, Kind.ACTION_REQUIRED, Kind.VOIDED)


def apply(news: Sequence[Heard]) -> None:
    """Make all of `news` true in one transaction. Safe to call again with the same news."""
    if not news:
        return
    if __debug__:
        reach("apply.begin")
    with transaction.atomic():
        ids = {heard.payment_id for heard in news}
        # Always locked in the order of their ids, so that two groups cannot wait for each other.
        payments = {
            payment.pk: payment
            for payment in Payment.objects.select_for_update(no_key=True, of=("self",))
            .select_related("order")
            .filter(pk__in=ids)
            .order_by("pk")
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
        if __debug__:
            _reach_committing(book)
    if __debug__:
        _reach_committed(book)


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
    book.write()


def _reach_committing(book: Book) -> None:
    reach("apply.committing")
    if _has(book, "payment.expired"):
        reach("expire.committing")
    if _has(book, "payment.queued"):
        reach("queue.committing")


def _reach_committed(book: Book) -> None:
    reach("apply.committed")
    for action, point in _COMMITTED.items():
        if _has(book, action):
            reach(point)


def _has(book: Book, action: str) -> bool:
    return any(entry.action == action for entry in book.entries)
