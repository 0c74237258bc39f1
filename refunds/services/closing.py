"""Closes what people were asked about refunds, once the gateway has answered it."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from payments.models import OperatorTask
from payments.reliability.retry import PEOPLE_AFTER
from refunds.models import Refund, RefundAttempt
from refunds.states import RefundAttemptState, RefundState

_ANSWERED = {"closed_by": "paysite", "resolution": "The gateway answered."}
_ARRIVED = {"closed_by": "paysite", "resolution": "The customer got the money by the refund itself."}


def close_unknown(payment_ids: set[str], now: datetime) -> None:
    """Close the questions whether refunds of these payments went out, where nothing about them is unknown any more."""
    # One that the gateway has had for too long is with people, too, and not called unknown.
    unresolved = RefundAttempt.objects.filter(refund=OuterRef("pk"), state=RefundAttemptState.UNRESOLVED)
    # So is one that the gateway has and of which there is no attempt, as of one that was made at its own dashboard.
    none_of_ours = ~Exists(RefundAttempt.objects.filter(refund=OuterRef("pk"))) & ~Q(gateway_reference="")
    is_old = Q(state=RefundState.PROCESSING, created_at__lte=now - timedelta(seconds=PEOPLE_AFTER))
    unknown = Q(state=RefundState.UNKNOWN) | Exists(unresolved) | (is_old & none_of_ours)
    open_ones = Refund.objects.filter(unknown, payment_id__in=payment_ids)
    answered = payment_ids - set(open_ones.values_list("payment_id", flat=True))
    moot = OperatorTask.objects.filter(kind=OperatorTask.Kind.REFUND_UNKNOWN, closed_at__isnull=True)
    moot.filter(payment_id__in=answered).update(closed_at=now, **_ANSWERED)


def close_failed(refund: Refund, now: datetime) -> None:
    """Close the tasks that `refund`, which succeeded, did not reach the customer: its own; and the one of its payment,
    once no refund is named in it that has not arrived. The caller holds the payment's lock."""
    tasks = OperatorTask.objects.filter(kind=OperatorTask.Kind.REFUND_FAILED, closed_at__isnull=True)
    tasks.filter(payment=None, subject=f"refund {refund.pk}").update(closed_at=now, **_ARRIVED)
    task = tasks.filter(payment_id=refund.payment_id).first()
    if task is None or refund.pk not in task.detail:
        return
    others = Refund.objects.filter(payment_id=refund.payment_id).exclude(state=RefundState.SUCCEEDED)
    if not any(pk in task.detail for pk in others.values_list("pk", flat=True)):
        tasks.filter(pk=task.pk).update(closed_at=now, **_ARRIVED)
