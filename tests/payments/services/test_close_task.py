"""Closing an operator task: once, with words, and nothing of the payment changes."""

import pytest

from payments.audit import Because
from payments.gateways.base import Kind
from payments.models import AuditEntry, Client, OperatorTask
from payments.services.close_task import TaskClosedError, close_task
from tests.payments.conftest import after, reload, sent

pytestmark = pytest.mark.django_db

ANNA = Because(actor="operator:anna", cause="console:close-task")


def test_a_task_is_closed_once(shop: Client) -> None:
    payment = after(sent(shop), Kind.UNKNOWN, alert=True)
    task = OperatorTask.objects.get()
    closed = close_task(task_id=task.pk, operator="anna", because=ANNA, resolution="It was ours.")
    assert (closed.closed_by, closed.resolution, closed.closed_at is not None) == ("anna", "It was ours.", True)
    entry = AuditEntry.objects.latest("id")
    assert (entry.action, entry.payment_id, entry.data) == (
        "task.closed",
        payment.pk,
        {"task": task.pk, "kind": "mismatch"},
    )
    entries = AuditEntry.objects.count()
    with pytest.raises(TaskClosedError):
        close_task(task_id=task.pk, operator="ben", because=ANNA, resolution="No, mine.")
    assert (OperatorTask.objects.get().closed_by, AuditEntry.objects.count()) == ("anna", entries)
    assert (reload(payment).status, reload(payment).due_at) == (payment.status, payment.due_at)


def test_the_same_question_can_be_opened_again_after_it_was_closed(shop: Client) -> None:
    attempt = sent(shop)
    after(attempt, Kind.UNKNOWN, alert=True)
    close_task(task_id=OperatorTask.objects.get().pk, operator="anna", because=ANNA, resolution="Asked them.")
    after(attempt, Kind.UNKNOWN, alert=True, looked=True)
    assert OperatorTask.objects.filter(closed_at=None).count() == 1
