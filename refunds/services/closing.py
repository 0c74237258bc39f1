"""Closes what people were asked about refunds, once the gateway has answered it."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from payments.models import OperatorTask
from payments.reliability.retry import PEOPLE_AFTER
from refunds.models import Refund, RefundAttempt
from refunds.states import RefundAttemptState, RefundState

Tasks = OperatorTask.Kind
_NOT_ARRIVED = (Tasks.REFUND_FAILED, Tasks.REJECTED)
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
    moot = OperatorTask.objects.filter(kind=Tasks.REFUND_UNKNOWN, closed_at__isnull=True)
    moot.filter(payment_id__in=answered).update(closed_at=now, **_ANSWERED)


def close_failed(refund: Refund, now: datetime) -> None:
    """Close the tasks that `refund`, which succeeded, did not reach the customer, or that the gateway refused our
    request for it: its own; and those of its payment, once no refund is named in them that has not arrived. The caller
    holds the payment's lock."""
    tasks = OperatorTask.objects.filter(kind__in=_NOT_ARRIVED, closed_at__isnull=True)
    tasks.filter(payment=None, subject=f"refund {refund.pk}").update(closed_at=now, **_ARRIVED)
    named = [task for task in tasks.filter(payment_id=refund.payment_id) if refund.pk in task.detail]
    moot = [task for task in named if task.kind == Tasks.REFUND_FAILED or _is_about_refunds(task)]
    if not moot:
        return
    rows = Refund.objects.filter(payment_id=refund.payment_id).exclude(state=RefundState.SUCCEEDED)
    others = list(rows.values_list("pk", flat=True))
    answered = [task.pk for task in moot if not any(pk in task.detail for pk in others)]
    tasks.filter(pk__in=answered).update(closed_at=now, **_ARRIVED)


def _is_about_refunds(task: OperatorTask) -> bool:
    """Say whether each question that joined the task is about a refund: a charge can be refused, too."""
    return all(part.startswith("Refund rf_") for part in task.detail.split(" Another: "))
