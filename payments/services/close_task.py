"""Closes an operator task with what the operator found out or did about it."""

from django.db import transaction
from django.db.models.functions import Now

from payments import audit
from payments.audit import Because
from payments.models import OperatorTask


class TaskClosedError(Exception):
    """Somebody closed the task before. Nothing was changed."""


def close_task(*, task_id: int, operator: str, because: Because, resolution: str) -> OperatorTask:
    """Close the task in the name of `operator` (a user name), and say so in its payment's audit trail.

    The payment itself stays as it is. Raises TaskClosedError and OperatorTask.DoesNotExist.
    """
    with transaction.atomic():
        task = OperatorTask.objects.select_related("payment").get(pk=task_id)
        # The guarded update decides between two operators who close at the same time.
        closed = OperatorTask.objects.filter(pk=task_id, closed_at__isnull=True).update(
            closed_at=Now(), closed_by=operator[:64], resolution=resolution[:500]
        )
        if not closed:
            raise TaskClosedError
        if task.payment is not None:
            said = {"task": task.pk, "kind": task.kind}
            was = task.payment.status
            audit.payment_entry(task.payment, "task.closed", because, before=was, reason=resolution, **said).save()
    task.refresh_from_db()
    return task
