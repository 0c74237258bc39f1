"""What the customer's page says about refunds that are not done (payments/checkout/giving_back.py).

Under way is what will be sent, was sent, or may have been sent: an unknown outcome is never told as done. One that
awaits approval, was rejected or called off is not told, as nothing is promised. Neither are reasons, notes and the
gateway's words, whatever they are (requirements E6, F6).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat

from payments import ledger
from payments.models import LedgerPosting, OperatorTask, Payment
from payments.states import PaymentStatus
from payments.words import readable
from refunds.models import Refund
from refunds.states import RefundState

_UNDER_WAY: Final = (RefundState.REQUESTED, RefundState.PROCESSING, RefundState.UNKNOWN)
# As in the e-mail of a refund that failed (templates/mail/refund_failed.txt).
_SEEN_TO: Final = "Our team is seeing to it; you need not do anything."


@dataclass(frozen=True, slots=True)
class _Sums:
    """Minor units of refunds: came_back after they had been given, failed before."""

    came_back: int
    failed: int
    under_way: int


def sentences_about(payment: Payment) -> tuple[str, ...]:
    """Return what the customer reads about refunds of `payment` that are under way or did not arrive.

    Costs one statement, and none where nothing has happened to the payment since it was captured.
    """
    if not _may_have_refunds(payment):
        return ()
    sums = _sums(payment)
    said = []
    if sums.came_back:
        amount = _readable(sums.came_back, payment)
        said.append(f"We had given {amount} back to you, but your bank returned it to us. {_SEEN_TO}")
    if sums.failed:
        said.append(f"We could not give {_readable(sums.failed, payment)} back to you yet. {_SEEN_TO}")
    if sums.under_way:
        another = "another " if payment.refunded else ""
        said.append(
            f"We are giving {another}{_readable(sums.under_way, payment)} back to you. This is under way and not done "
            "yet; you need not do anything. Once it is done, banks may take some days to show it."
        )
    return tuple(said)


def _may_have_refunds(payment: Payment) -> bool:
    """Say whether there can be a refund. What failed has left the counters, but every change of a refund dates its
    payment anew (refunds/services/change.py)."""
    if payment.status != PaymentStatus.SUCCESS or payment.processed_at is None:
        return False
    return payment.refund_reserved > 0 or payment.updated_at > payment.processed_at


def _sums(payment: Payment) -> _Sums:
    returned = LedgerPosting.objects.filter(entity_id=OuterRef("pk"), credit=ledger.REFUNDS)
    told = Q(state__in=_UNDER_WAY) | (Q(state=RefundState.FAILED) & _is_seen_to())
    rows = list(
        Refund.objects.filter(told, payment=payment)
        .annotate(came_back=Exists(returned))
        .values_list("state", "came_back", "amount")
    )
    under_way = sum(amount for state, _, amount in rows if state != RefundState.FAILED)
    # Where the rest is smaller, the money has gone to the customer by another refund, or by a dispute.
    rest = payment.amount - payment.refunded - payment.charged_back - under_way
    lost = [(came_back, amount) for state, came_back, amount in rows if state == RefundState.FAILED and amount <= rest]
    return _Sums(_of(lost, came_back=True), _of(lost, came_back=False), under_way)


def _of(lost: Iterable[tuple[bool, int]], *, came_back: bool) -> int:
    return sum(amount for returned, amount in lost if returned is came_back)


def _is_seen_to() -> Q:
    """Return the condition that people were asked about the refund that failed and have not closed it: until then, and
    not after, it is true that the team is seeing to it."""
    tasks = OperatorTask.objects.filter(kind=OperatorTask.Kind.REFUND_FAILED, closed_at__isnull=True)
    joined = tasks.filter(payment=OuterRef("payment"), detail__contains=OuterRef("pk"))
    apart = tasks.filter(payment=None, subject=Concat(Value("refund "), OuterRef("pk")))
    return Q(Exists(joined)) | Q(Exists(apart))


def _readable(minor: int, payment: Payment) -> str:
    return readable(minor, payment.currency)
