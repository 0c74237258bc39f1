"""Takes due refunds and writes down what is about to be done, before anything is done.

One short transaction, as for payments (payments/services/claim.py): the attempt to be sent is committed with the
claim, and whoever takes over from a worker that died first writes down that the outcome is unknown. Whether the money
may still be refunded is asked again here, as a refund may have waited for days (requirements D1, D5).
"""

import logging
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from functools import partial
from typing import Final

from django.db import transaction
from django.db.models.functions import Now

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.reliability import budget
from payments.reliability.breaker import Board, Pass
from payments.reliability.proof import may_send_again
from payments.services.book import Book
from payments.services.claim import POSTPONE_BY, lease
from payments.services.errands import Ask
from refunds import rules
from refunds.models import Refund, RefundAttempt
from refunds.services import ask
from refunds.services.change import Change, write_all
from refunds.services.lapsed import tell_team
from refunds.services.locks import locked_due
from refunds.states import OPEN, RefundAttemptState, RefundState

logger = logging.getLogger(__name__)

# The gateway answers nobody, or the shared allowance for tries again is used up: look again after so long.
_NOBODY_ANSWERS: Final = timedelta(seconds=5)


class Step(Enum):
    """What a claimed refund needs next."""

    SEND = auto()
    LOOK_UP = auto()


@dataclass(frozen=True, slots=True)
class Work:
    """One call to make. attempt: committed as sent, or whose outcome is asked for; None for a refund that was not made
    by us. fence, asked_at: the claim's number and its time. granted: what the circuit breaker allows, for each kind of
    call that may be made; with `refund` beside a look-up, a refund that is not found may be sent again."""

    step: Step
    refund: Refund
    attempt: RefundAttempt | None
    fence: int
    asked_at: datetime
    granted: dict[str, Pass] = field(default_factory=dict)


def anything_due() -> bool:
    """Say cheaply, without any lock, whether a claim would find something."""
    return Refund.objects.filter(due_at__lte=Now()).exists()


def claim(because: Because, room: int) -> list[Ask]:
    """Claim up to `room` due refunds; return the calls to make, each of which returns what to write afterwards."""
    if room <= 0:
        return []
    prepared_at = time.monotonic()
    due = list(Refund.objects.filter(due_at__lte=Now()).order_by("due_at").values_list("pk", "payment_id")[:room])
    try:
        work = _claimed(due, because)
    except Exception:  # whatever is wrong with one row must not stop all the others
        logger.exception("%d refunds could not be claimed together, claiming one by one", len(due))
        work = _one_by_one(due, because)
    return [partial(ask.ask, item, prepared_at, because) for item in work]


def _claimed(due: list[tuple[str, str]], because: Because) -> list[Work]:
    """Claim those of `due`, pairs of refund and payment, that nobody else has, in one transaction."""
    with transaction.atomic():
        refunds = locked_due(due)
        if not refunds:
            return []
        work = _Claim(refunds, because).make()
        if __debug__:
            reach("refund_claim.committing")
    if __debug__:
        reach("refund_claim.committed")
    return work


def _one_by_one(due: list[tuple[str, str]], because: Because) -> list[Work]:
    work: list[Work] = []
    for pair in due:
        try:
            work += _claimed([pair], because)
        except Exception:
            logger.exception("%s could not be claimed, trying again later", pair[0])
            # Out of the others' way for a while; nothing else about it changes.
            Refund.objects.filter(pk=pair[0]).update(due_at=Now() + POSTPONE_BY)
    return work


class _Claim:
    """One claim: what is decided about its refunds, and written together in its transaction."""

    def __init__(self, refunds: list[Refund], because: Because) -> None:
        self._refunds, self._because = refunds, because
        self._book = Book(now=database_now())
        self._attempts: dict[str, list[RefundAttempt]] = defaultdict(list)
        for attempt in RefundAttempt.objects.filter(refund__in=refunds).order_by("number"):
            self._attempts[attempt.refund_id].append(attempt)
        # All that is drawn is drawn here, in the order of locks: allowances before circuits.
        again = sum(any(_may_send_again(each, self._book.now) for each in self._of(refund)) for refund in refunds)
        self._again = budget.draw_retries(len(refunds) - again, again, self._book.now)
        self._board = Board.read(self._book.now)

    def make(self) -> list[Work]:
        """Decide about every refund, and write."""
        work, changes = [], []
        for refund in self._refunds:
            refund.fence += 1
            refund.claimed_until = None
            change = Change(refund, self._because, self._book)
            if (item := self._next_step(refund, change)) is not None:
                refund.due_at = refund.claimed_until = self._book.now + lease()
                work.append(item)
            changes.append(change)
        write_all(changes)
        self._book.write()
        return work

    def _of(self, refund: Refund) -> list[RefundAttempt]:
        """Return the refund's attempts, each of which knows it."""
        attempts = self._attempts[refund.pk]
        for attempt in attempts:
            attempt.refund = refund
        return attempts

    def _next_step(self, refund: Refund, change: Change) -> Work | None:
        attempts = self._of(refund)
        still_open = next((attempt for attempt in attempts if attempt.is_open), None)
        if refund.state == RefundState.AWAITING_APPROVAL:
            self._lapse(refund, change)
            return None
        # What the gateway has named once it has: neither sent anew nor called off, whatever was said before.
        if still_open is not None or refund.state not in OPEN or refund.is_external or refund.gateway_reference:
            return self._look_up(refund, still_open or (attempts[-1] if attempts else None), change)
        if (refusal := rules.why_not_send(refund.payment, change.now)) is not None:
            self._call_off(refund, refusal, change)
            return None
        return self._send(refund, len(attempts) + 1, change)

    def _send(self, refund: Refund, number: int, change: Change) -> Work | None:
        granted = self._admit(refund, "refund")
        if granted is None:
            return None
        attempt = RefundAttempt(refund=refund, number=number, sent_at=change.now, last_sent_at=change.now)
        change.begin(attempt)
        if refund.state == RefundState.PROCESSING:
            change.note("refund.sent_again" if number > 1 else "refund.sent", attempt=number)
        else:
            before = refund.state
            refund.process(at=None)
            change.tell("refund.processing", before=before, attempt=number)
        return Work(Step.SEND, refund, attempt, refund.fence, change.now, {"refund": granted})

    def _look_up(self, refund: Refund, attempt: RefundAttempt | None, change: Change) -> Work | None:
        if attempt is not None and attempt.state == RefundAttemptState.SENT:
            self._lost(refund, attempt, change)
        look_up = self._admit(refund, "look_up")
        if look_up is None:
            return None
        granted = {"look_up": look_up}
        if attempt is not None and (resend := self._resend(refund, attempt, change.now)) is not None:
            granted["refund"] = resend
            attempt.sends += 1
            attempt.last_sent_at = change.now
            attempt.not_found_at = None
            change.keep(attempt)
        return Work(Step.LOOK_UP, refund, attempt, refund.fence, change.now, granted)

    def _resend(self, refund: Refund, attempt: RefundAttempt, now: datetime) -> Pass | None:
        """Return leave to send `attempt` again under its key, if the look-up finds nothing; None: only look it up."""
        if self._again <= 0 or not _may_send_again(attempt, now):
            return None
        # Asked before the breaker, whose leave may be one of few trials.
        if rules.why_not_send(refund.payment, now) is not None:
            return None
        self._again -= 1
        return self._board.admit(refund.gateway, "refund")

    def _lost(self, refund: Refund, attempt: RefundAttempt, change: Change) -> None:
        """A worker was lost with this attempt: it may have been sent, or not."""
        before = attempt.state
        attempt.lose()
        attempt.reason = "worker_lost"
        change.attempted(attempt, before=before, reason="worker_lost")
        was = refund.state
        refund.lose()
        change.tell("refund.outcome_unknown", before=was, reason="worker_lost")

    def _lapse(self, refund: Refund, change: Change) -> None:
        before = refund.state
        refund.reject(code="approval_lapsed", now=change.now)
        change.tell("refund.rejected", before=before, reason="approval_lapsed")
        tell_team(refund)

    def _call_off(self, refund: Refund, refusal: rules.Refusal, change: Change) -> None:
        """It waited, and may not be sent any more."""
        before = refund.state
        if before == RefundState.REQUESTED:
            refund.reject(code=refusal.code, now=change.now)
            change.tell("refund.rejected", before=before, reason=refusal.code)
        else:
            refund.fail(code=refusal.code, now=change.now)
            change.tell("refund.failed", before=before, reason=refusal.code)
        # As the trigger will count it: another one of this payment, in the same claim, may fit now.
        refund.payment.refund_reserved -= refund.amount
        change.ask("refund_failed", f"It was not sent. {refusal.words}")

    def _admit(self, refund: Refund, operation: str) -> Pass | None:
        granted = self._board.admit(refund.gateway, operation)
        if granted is None:
            # Asking would not help: the gateway answers nobody at this moment.
            refund.due_at = self._board.next_try(refund.gateway, operation) or self._book.now + _NOBODY_ANSWERS
        return granted


def _may_send_again(attempt: RefundAttempt, now: datetime) -> bool:
    if attempt.refund.gateway_reference:
        return False
    # One that is still `sent` was lost with its worker, and is unknown as soon as that is written down.
    return attempt.state in {RefundAttemptState.UNKNOWN, RefundAttemptState.SENT} and may_send_again(attempt, now)
