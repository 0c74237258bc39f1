"""The second person: approves a refund, or calls it off (requirement D6; invariant 7)."""

from typing import Final

from django.db import transaction

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.services import wake
from payments.services.book import Book
from refunds import rules
from refunds.models import Refund
from refunds.services.change import Change
from refunds.services.locks import locked
from refunds.services.request import RefundRefusedError, parameters_hash
from refunds.states import RefundState

# Nothing was sent in these: it can be called off.
CAN_BE_REJECTED: Final = (RefundState.REQUESTED, RefundState.AWAITING_APPROVAL)


class NotApprovableError(Exception):
    """The refund does not wait for this approval or rejection; nothing was changed. The text says why."""


def approve(refund_id: str, because: Because, *, seen: str, words: str = "") -> Refund:
    """Let the refund be sent, with exactly the parameters whose hash is `seen`.

    Raises NotApprovableError, RefundRefusedError (it may not be refunded any more) and Refund.DoesNotExist.
    """
    with transaction.atomic():
        refund = locked(refund_id)
        book = Book(now=database_now())
        _require_approvable(refund, because, seen, book)
        if (refusal := rules.why_not_send(refund.payment, book.now)) is not None:
            raise RefundRefusedError(refusal)
        before = refund.state
        refund.approved_by, refund.approved_at, refund.decision = because.actor, book.now, words[:500]
        refund.process(at=book.now)
        change = Change(refund, because, book)
        change.tell("refund.approved", before=before, reason=words, parameters=refund.parameters_hash)
        change.write()
        book.write()
        if __debug__:
            reach("refund.approving")
    wake.wake_if_idle()
    return refund


def reject(refund_id: str, because: Because, words: str) -> Refund:
    """Call the refund off before it is sent; its amount can be refunded again.

    Whoever asked for it may do so, too. Raises NotApprovableError and Refund.DoesNotExist.
    """
    with transaction.atomic():
        refund = locked(refund_id)
        if refund.state not in CAN_BE_REJECTED:
            raise NotApprovableError(f"The refund is {refund.get_state_display().lower()}: it can not be called off.")
        book = Book(now=database_now())
        before = refund.state
        refund.decision = words[:500]
        refund.reject(code="called_off", now=book.now)
        change = Change(refund, because, book)
        change.tell("refund.rejected", before=before, reason=words)
        change.write()
        book.write()
    return refund


def _require_approvable(refund: Refund, because: Because, seen: str, book: Book) -> None:
    if refund.state != RefundState.AWAITING_APPROVAL:
        raise NotApprovableError(f"The refund is {refund.get_state_display().lower()}: nothing waits for approval.")
    if because.actor == refund.requested_by:
        raise NotApprovableError("Who asked for a refund may not approve it: ask somebody else.")
    if refund.due_at is None or refund.due_at <= book.now:
        raise NotApprovableError("The request was not approved in time and has lapsed. Ask for the refund again.")
    if not seen == refund.parameters_hash == parameters_hash(refund):
        raise NotApprovableError("The refund is not the one that you saw. Look at it again.")
