"""Makes a notice of every operator task: nobody has to look at the console to know (requirement G7).

The task's row is the outbox: one that was not told yet is told by the next look, whatever died before.
"""

from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Now

from payments.models import OperatorTask
from payments.notices import Severity, tell

Kind = OperatorTask.Kind

# Tasks that one look tells at most; the next one goes on.
_AT_ONCE: Final = 50
# Money is, or may be, in the wrong place; everything else waits for a person without getting worse.
_CRITICAL: Final = frozenset(
    {
        *(Kind.DUPLICATE_CHARGE, Kind.TAKEN_BACK, Kind.NOT_GIVEN_BACK, Kind.DISPUTE_RECEIVED),
        *(Kind.CONTRADICTION, Kind.MISMATCH, Kind.REFUND_MISMATCH, Kind.DOUBLE_LOSS),
    }
)


def anything_to_tell() -> bool:
    """Say cheaply whether there is a task that nobody was told about."""
    return OperatorTask.objects.filter(alerted_at__isnull=True).exists()


def tell_tasks() -> int:
    """Make notices of the tasks that nobody was told about, in one transaction; return how many there were."""
    with transaction.atomic():
        waiting = OperatorTask.objects.filter(alerted_at__isnull=True).select_related("payment__order").order_by("pk")
        if connection.features.has_select_for_update_skip_locked:
            waiting = waiting.select_for_update(skip_locked=True, no_key=True, of=("self",))
        tasks = list(waiting[:_AT_ONCE])
        for task in tasks:
            # One that closed by itself meanwhile waits for nobody.
            if task.closed_at is None:
                _tell(task)
        OperatorTask.objects.filter(pk__in=[task.pk for task in tasks]).update(alerted_at=Now())
    return len(tasks)


def _tell(task: OperatorTask) -> None:
    # Without the task's details: those may hold a reason of fraud, which does not leave the console (F6).
    tell(
        task.kind,
        f"task:{task.pk}",
        f"{task.get_kind_display()}: {_about(task)}",
        "It waits for a person.",
        Severity.CRITICAL if task.kind in _CRITICAL else Severity.WARNING,
        f"/admin/payments/operatortask/{task.pk}/change/",
    )


def _about(task: OperatorTask) -> str:
    if task.payment is None:
        return task.subject
    return f"payment {task.payment.pk}, order {task.payment.order.reference}"
