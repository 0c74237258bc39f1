"""The one door through which everything that is heard about a refund comes in.

Reply, look-up, list, webhook and operator all call `heard`. It locks the payment and the refund, looks again at what is
known by now, and makes the transition. What is heard twice, late or out of order changes nothing that is already right.
"""

import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import transaction

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.base import Kind, Outcome
from payments.services.book import Book
from refunds.models import Refund, RefundAttempt
from refunds.services import consequences
from refunds.services.change import Change, write_all
from refunds.services.locks import locked_each
from refunds.states import OPEN

logger = logging.getLogger(__name__)

# That the gateway has it is true whoever heard it. A decline is not: whoever took over may have sent it since, and
# hears for itself what that brought.
_PROOF: Final = (Kind.SUCCEEDED, Kind.PENDING)
_OWNED: Final = ("gateway", "gateway_reference", "pk")

# Gateway and its reference → the id of the refund that has it.
Owners = dict[tuple[str, str], str]


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
    _together([news])


def heard_all(news: Sequence[Heard]) -> None:
    """Make all of `news` true, in as few transactions as it can, so that one bad row holds up no other.

    What cannot be applied stays as it is: its refund becomes due again when its lease ends.
    """
    left = list(news)
    while left:
        try:
            left = _together(left)
        except Exception:  # whatever is wrong with one row must not lose what was heard about the others
            logger.exception("%d outcomes of refunds could not be applied together, applying one by one", len(left))
            _one_by_one(left)
            return


def _one_by_one(news: Sequence[Heard]) -> None:
    for each in news:
        try:
            heard(each)
        except Exception:
            logger.exception("the outcome of %s could not be applied", each.refund_id)


def _together(news: Sequence[Heard]) -> list[Heard]:
    """Make `news` true in one transaction, one of each payment, as every refund counts what the others have taken;
    return the others, of which nothing is written yet."""
    later: list[Heard] = []
    with transaction.atomic():
        refunds = locked_each([each.refund_id for each in news])
        attempts = _attempts_of(refunds.values())
        book, changes, seen = Book(now=database_now()), [], set()
        owners = _owners(news, refunds.values())
        for each in news:
            refund = refunds[each.refund_id]
            if refund.payment_id in seen:
                later.append(each)
                continue
            seen.add(refund.payment_id)
            if (change := _changed(refund, attempts[refund.pk], each, owners, book)) is not None:
                changes.append(change)
        write_all(changes)
        book.write()
        if __debug__:
            reach("refund_apply.committing")
    if __debug__:
        reach("refund_apply.committed")
    return later


def _changed(refund: Refund, attempts: list[RefundAttempt], news: Heard, owners: Owners, book: Book) -> Change | None:
    """Return what `news` changes about the locked `refund`; None where it comes too late to be believed."""
    if news.fence is not None and news.fence < refund.fence and news.outcome.kind not in _PROOF:
        # Of a worker that was taken over: what proves nothing may have been overtaken by what the other sent.
        return None
    change = Change(refund, news.because, book)
    lease = refund.claimed_until
    if news.fence == refund.fence:
        refund.claimed_until = lease = None
    attempt = _attempt(attempts, news)
    if attempt is not None:
        attempt.refund = refund
        change.keep(attempt)
    if owners.get((refund.gateway, news.outcome.reference), refund.pk) != refund.pk:
        news = consequences.is_anothers(change, news)
    consequences.of(change, attempt, news, random.random)
    if lease is not None and lease > book.now and refund.state in OPEN:
        # Somebody else is asking at this moment.
        refund.due_at = refund.claimed_until = lease
    return change


def _owners(news: Iterable[Heard], refunds: Iterable[Refund]) -> Owners:
    """Return which refunds have the references that `news` name: a reference is of one refund for ever."""
    references = {each.outcome.reference for each in news} - {""}
    if not references:
        return {}
    found = Refund.objects.filter(gateway__in={refund.gateway for refund in refunds}, gateway_reference__in=references)
    return {(gateway, reference): pk for gateway, reference, pk in found.values_list(*_OWNED)}


def _attempts_of(refunds: Iterable[Refund]) -> dict[str, list[RefundAttempt]]:
    found: dict[str, list[RefundAttempt]] = defaultdict(list)
    for attempt in RefundAttempt.objects.filter(refund__in=list(refunds)).order_by("number"):
        found[attempt.refund_id].append(attempt)
    return found


def _attempt(attempts: list[RefundAttempt], news: Heard) -> RefundAttempt | None:
    """Return the attempt that the news is about: the last one, where it names none.

    All attempts of a refund have one key: what the gateway has under it, the last one finds as well.
    """
    last = attempts[-1] if attempts else None
    if news.attempt_id is None or news.outcome.kind in _PROOF:
        return last
    return next(attempt for attempt in attempts if attempt.pk == news.attempt_id)
