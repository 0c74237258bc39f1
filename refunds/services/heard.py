"""The one door through which everything that is heard about a refund comes in.

Reply, look-up, list, webhook and operator all call `heard`. It locks the payment and the refund, looks again at what is
known by now, and makes the transition. What is heard twice, late or out of order changes nothing that is already right.
"""

import random
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.base import Kind, Outcome
from payments.services.book import Book
from refunds.models import RefundAttempt
from refunds.services import consequences
from refunds.services.change import Change, close_questions
from refunds.services.locks import locked

_DEFINITE: Final = (Kind.SUCCEEDED, Kind.DECLINED, Kind.PENDING)


@dataclass(frozen=True, slots=True)
class Heard:
    """Something heard about one refund; the members are those of `payments.services.book.Heard`.

    attempt_id: None for a refund that was not made by us, or for news about none of the attempts in particular.
    """

    refund_id: str
    attempt_id: str | None
    outcome: Outcome
    because: Because
    looked: bool = False
    sent: bool = True
    fence: int | None = None
    asked_at: datetime | None = None


def heard(news: Heard) -> None:
    """Make `news` true, in one transaction. Safe to call again with the same."""
    with transaction.atomic():
        refund = locked(news.refund_id)
        if news.fence is not None and news.fence < refund.fence and news.outcome.kind not in _DEFINITE:
            # Of a worker that was taken over: what proves nothing may have been overtaken by what the other sent.
            return
        book = Book(now=database_now())
        change = Change(refund, news.because, book)
        if news.fence is not None:
            refund.claimed_until = None
        attempt = _attempt(news)
        if attempt is not None:
            attempt.refund = refund
            change.keep(attempt)
        consequences.of(change, attempt, news, random.random)
        change.write()
        book.write()
        close_questions([refund], book)
        if __debug__:
            reach("refund_apply.committing")
    if __debug__:
        reach("refund_apply.committed")


def _attempt(news: Heard) -> RefundAttempt | None:
    """Return the attempt that the news is about: the last one, where it names none."""
    if news.attempt_id is not None:
        return RefundAttempt.objects.get(pk=news.attempt_id)
    return RefundAttempt.objects.filter(refund_id=news.refund_id).order_by("number").last()
