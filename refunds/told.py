"""What the customer's page says about refunds that are not done (payments/checkout/giving_back.py).

Under way is what will be sent, was sent, or may have been sent: an unknown outcome is never told as done. One that
awaits approval, was rejected or called off is not told, as nothing is promised. Neither are reasons, notes and the
gateway's words, whatever they are (requirements E6, F6).
"""

from typing import Final

from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Concat

from payments import ledger
from payments.models import LedgerPosting, OperatorTask, Payment
from payments.states import PaymentStatus
from payments.words import readable
from refunds.models import Origin, Refund
from refunds.states import RefundState

_UNDER_WAY: Final = (RefundState.REQUESTED, RefundState.PROCESSING, RefundState.UNKNOWN)
# As in the e-mail of a refund that failed (templates/mail/refund_failed.txt).
_SEEN_TO: Final = "Our team is seeing to it; you need not do anything."


def sentences_about(payment: Payment) -> tuple[str, ...]:
    """Return what the customer reads about refunds of `payment` that are under way or did not arrive.

    Costs one statement, and none where nothing has happened to the payment since it was captured.
    """
    if not _may_have_refunds(payment):
        return ()
    returned = LedgerPosting.objects.filter(entity_id=OuterRef("pk"), credit=ledger.REFUNDS)
    rows = list(
        Refund.objects.filter(Q(state__in=_UNDER_WAY) | _is_seen_to(), payment=payment)
        .annotate(came_back=Exists(returned))
        .values_list("state", "amount", "came_back")
    )
    under_way = sum(amount for state, amount, _ in rows if state != RefundState.FAILED)
    # Where the rest is smaller, the money has gone to the customer by another refund, or by a dispute.
    rest = payment.amount - payment.refunded - payment.charged_back - under_way
    lost = [(amount, came_back) for state, amount, came_back in rows if state == RefundState.FAILED and amount <= rest]
    return (*_about_lost(lost, payment), *_about_under_way(under_way, payment))


def _about_lost(lost: list[tuple[int, bool]], payment: Payment) -> tuple[str, ...]:
    if not lost:
        return ()
    if len(lost) > 1:
        # No sum: one of them may be another's second try.
        return (f"Some of the money that we wanted to give back to you has not reached you yet. {_SEEN_TO}",)
    amount, came_back = lost[0]
    money = readable(amount, payment.currency)
    if came_back:
        return (f"We had given {money} back to you, but your bank returned it to us. {_SEEN_TO}",)
    return (f"We could not give {money} back to you yet. {_SEEN_TO}",)


def _about_under_way(amount: int, payment: Payment) -> tuple[str, ...]:
    if not amount:
        return ()
    money = f"{'another ' if payment.refunded else ''}{readable(amount, payment.currency)}"
    under_way = f"We are giving {money} back to you. This is under way and not done yet; you need not do anything."
    return (f"{under_way} Once it is done, banks may take some days to show it.",)


def _may_have_refunds(payment: Payment) -> bool:
    """Say whether there can be a refund. What failed has left the counters, but every change of a refund dates its
    payment anew (refunds/services/change.py)."""
    if payment.status != PaymentStatus.SUCCESS or payment.processed_at is None:
        return False
    return payment.refund_reserved > 0 or payment.updated_at > payment.processed_at


def _is_seen_to() -> Q:
    """Return the condition that people were asked about the refund that failed and have not closed it: until then, and
    not after, it is true that the team is seeing to it. What was done at the gateway without us nobody here promised.
    """
    tasks = OperatorTask.objects.filter(kind=OperatorTask.Kind.REFUND_FAILED, closed_at__isnull=True)
    joined = tasks.filter(payment=OuterRef("payment"), detail__contains=OuterRef("pk"))
    apart = tasks.filter(payment=None, subject=Concat(Value("refund "), OuterRef("pk")))
    ours = Q(state=RefundState.FAILED) & ~Q(origin=Origin.GATEWAY)
    return ours & (Q(Exists(joined)) | Q(Exists(apart)))
