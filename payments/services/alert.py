"""Tells the team about every operator task, by e-mail and in the log: nobody has to look at the console to know.

The task's row is the outbox: a task that was not told yet is told by the next run, whatever died before.
"""

import logging
from typing import Final

from django.conf import settings
from django.core.mail import send_mail
from django.db.models.functions import Now

from payments.models import OperatorTask

logger = logging.getLogger("paysite.alerts")

# Tasks that one run tells at most; each e-mail names all of them.
_AT_ONCE: Final = 50
SUBJECT: Final = "Paysite: {count} new task(s) for operators"


def send_open() -> int:
    """Tell about tasks that nobody was told about; return how many.

    A mail server that does not answer costs nothing but time: the tasks stay and are told by the next run.
    """
    tasks = list(
        OperatorTask.objects.filter(alerted_at__isnull=True).select_related("payment__order").order_by("pk")[:_AT_ONCE]
    )
    if not tasks:
        return 0
    for task in tasks:
        logger.error("operator task %s: %s, payment %s", task.pk, task.get_kind_display(), task.payment_id)
    if settings.ALERT_EMAILS and not _mailed(tasks):
        return 0
    # Afterwards: after a crash in between they are told twice, which is better than never.
    return OperatorTask.objects.filter(pk__in=[task.pk for task in tasks], alerted_at__isnull=True).update(
        alerted_at=Now()
    )


def _about(task: OperatorTask) -> str:
    if task.payment is None:
        return task.subject
    return f"payment {task.payment.pk}, order {task.payment.order.reference}"


def _mailed(tasks: list[OperatorTask]) -> bool:
    lines = [
        f"{task.get_kind_display()}: {_about(task)}\n"
        f"{settings.PUBLIC_URL}/admin/payments/operatortask/{task.pk}/change/"
        for task in tasks
    ]
    try:
        send_mail(SUBJECT.format(count=len(tasks)), "\n\n".join(lines), None, settings.ALERT_EMAILS)
    except OSError:  # smtplib's errors are OSErrors, too
        logger.exception("the team could not be told about %d tasks", len(tasks))
        return False
    return True
