"""Takes a refund on: checked, reserved and written under the payment's lock, before anything is sent (D1, D2)."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Sum

from payments.audit import Because
from payments.clock import database_now
from payments.crash_points import reach
from payments.idempotency import request_hash
from payments.models import Attempt, Payment
from payments.money import Money
from payments.notices import Severity, tell
from payments.reliability import refundable
from payments.services import wake
from payments.services.book import Book
from payments.states import AttemptState
from refunds import rules
from refunds.events import CREATED
from refunds.models import Origin, Refund
from refunds.rules import Refusal
from refunds.services.change import Change
from refunds.services.locks import locked_payment
from refunds.states import RESERVED, RefundState

_SUM: Final = "refunds_stay_within_the_capture"
_KEY: Final = "one_refund_per_key"
# The limits of lists and of the policy for complaints are of another kind: they are decided about as a whole.
_COUNTED_TOGETHER: Final = (Origin.API, Origin.CONSOLE)


class RefundRefusedError(Exception):
    """The refund may not be made; nothing was changed and no money moved."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.words)
        self.code, self.words = refusal.code, refusal.words


class KeyReusedError(Exception):
    """The key names another refund; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A refund that somebody asks for.

    amount: minor units, None for all that can be refunded. key: names the request, for ever: the same key again is the
    same refund. client_id: whose payment it must be, None for anybody's. limits: currency → what who asks may refund
    alone of the payment, in minor units; above it a second person approves. approved_by: who did so already, of a bulk
    refund.
    """

    payment_id: str
    amount: int | None
    reason: str
    origin: str
    key: str
    note: str = ""
    client_id: int | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    approved_by: str = ""

    @property
    def hash(self) -> str:
        """By which two requests are the same."""
        what = {"payment": self.payment_id, "amount": self.amount, "reason": self.reason, "note": self.note}
        return request_hash(what)


@dataclass(frozen=True, slots=True)
class Requested:
    """A refund that is written. replayed: by an earlier request with the same key."""

    refund: Refund
    replayed: bool


def request(wanted: Wanted, because: Because) -> Requested:
    """Write the refund and reserve its amount; a worker sends it, or a second person approves it first.

    Raises Payment.DoesNotExist, RefundRefusedError and KeyReusedError, each with nothing changed.
    """
    try:
        with transaction.atomic():
            requested = request_here(wanted, because)
            if __debug__ and not requested.replayed:
                reach("refund.reserving")
    except IntegrityError as error:
        raise _refused_by_database(error) from error
    if __debug__ and not requested.replayed:
        reach("refund.reserved")
    if not requested.replayed and requested.refund.state == RefundState.REQUESTED:
        wake.wake_if_idle()
    return requested


def request_here(wanted: Wanted, because: Because) -> Requested:
    """As `request`, in the caller's transaction."""
    payment = locked_payment(wanted.payment_id, wanted.client_id)
    known = Refund.objects.filter(client_id=payment.client_id, idempotency_key=wanted.key).first()
    if known is not None:
        if known.request_hash != wanted.hash:
            raise KeyReusedError
        return Requested(known, replayed=True)
    book = Book(now=database_now())
    amount = refundable.remaining(payment) if wanted.amount is None else wanted.amount
    if (refusal := rules.why_not(payment, amount, book.now)) is not None:
        raise RefundRefusedError(refusal)
    refund = _new(wanted, payment, amount, because, book)
    # The trigger on this row reserves the amount; the payment's check constraint has the last word.
    refund.save(force_insert=True)
    change = Change(refund, because, book)
    said = {"amount": amount, "currency": refund.currency, "origin": refund.origin}
    if refund.approved_by:
        said["approvedBy"] = refund.approved_by
    change.tell("refund.requested", before="", event=CREATED, reason=refund.reason, **said)
    change.publish()
    book.write()
    if refund.state == RefundState.AWAITING_APPROVAL:
        _tell_team(refund)
    return Requested(refund, replayed=False)


def refunded_alone(payment_id: str, actor: str) -> int:
    """Return the minor units of the payment that `actor` has refunded, or is refunding, without a second person: they
    count together with what is asked for next, so that a limit is not passed in parts (requirement D6)."""
    alone = Refund.objects.filter(payment_id=payment_id, requested_by=actor, needs_approval=False, state__in=RESERVED)
    return alone.aggregate(sum=Sum("amount"))["sum"] or 0


def _tell_team(refund: Refund) -> None:
    """Somebody must approve it before it lapses."""
    path = f"/admin/refunds/refund/{refund.pk}/change/"
    text = f"Asked for by {refund.requested_by}; it lapses at {refund.due_at:%Y-%m-%d %H:%M} UTC."
    tell("refund_to_approve", refund.pk, f"Refund of {refund.money} awaits approval", text, Severity.INFO, path)


def parameters_hash(refund: Refund) -> str:
    """Return what an approval is bound to: exactly what was asked for, and by whom."""
    parts = (refund.payment_id, refund.amount, refund.currency, refund.reason, refund.note, refund.requested_by)
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _new(wanted: Wanted, payment: Payment, amount: int, because: Because, book: Book) -> Refund:
    charge = Attempt.objects.get(payment=payment, kind="charge", state=AttemptState.SUCCEEDED)
    before = refunded_alone(payment.pk, because.actor) if wanted.origin in _COUNTED_TOGETHER else 0
    needs_approval = rules.needs_approval(Money(amount, payment.currency), wanted.limits, before)
    waits = needs_approval and not wanted.approved_by
    refund = Refund(
        client_id=payment.client_id,
        payment=payment,
        charge=charge,
        gateway=charge.gateway,
        amount=amount,
        currency=payment.currency,
        reason=wanted.reason,
        note=wanted.note,
        origin=wanted.origin,
        idempotency_key=wanted.key,
        request_hash=wanted.hash,
        requested_by=because.actor,
        needs_approval=needs_approval,
        state=RefundState.AWAITING_APPROVAL if waits else RefundState.REQUESTED,
        approved_by=wanted.approved_by if needs_approval else "",
        approved_at=book.now if needs_approval and wanted.approved_by else None,
        due_at=rules.lapses_at(book.now, settings.REFUND_APPROVAL_HOURS) if waits else book.now,
        created_at=book.now,
        updated_at=book.now,
    )
    refund.parameters_hash = parameters_hash(refund)
    return refund


def _refused_by_database(error: IntegrityError) -> Exception:
    """Return what the database's own guard means: the code above it had overlooked something."""
    if _SUM in str(error):
        return RefundRefusedError(Refusal("amount_exceeds_refundable", "Less than that can still be refunded."))
    # SQLite names the columns of a unique constraint, PostgreSQL the constraint.
    if _KEY in str(error) or "idempotency_key" in str(error):
        return KeyReusedError()
    return error
