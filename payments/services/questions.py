"""Asks people about something that happened to a payment: each occurrence once, several of a kind in one open task."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Q

from payments.models import OperatorTask
from payments.notices import Severity, tell

_DETAIL: Final = OperatorTask._meta.get_field("detail").max_length or 0


@dataclass(frozen=True, slots=True)
class Question:
    """Something that people are to see to.

    said: in words, at most what a task's detail holds. mark: the part of `said` by which it is known that it was asked.
    name: of the occurrence, for a task of its own. key: of the occurrence, for the notice. another: the title of the
    notice where the team was told of an earlier one already.
    """

    payment_id: str
    kind: str
    said: str
    mark: str
    name: str
    key: str
    another: str


def ask(question: Question) -> None:
    """Open a task, or join the one of this kind that is open, in the caller's transaction.

    What was asked before is not asked again, whether that task is open or closed. The caller holds the payment's lock
    or another by which the same question is asked by one at a time.
    """
    about = Q(payment_id=question.payment_id) | Q(subject=question.name)
    asked = OperatorTask.objects.filter(about, kind=question.kind).values_list("detail", flat=True)
    if not any(question.mark in detail for detail in asked):
        _join(question, question.said[:_DETAIL])


def _join(question: Question, said: str) -> None:
    of_payment = {"payment_id": question.payment_id, "kind": question.kind}
    OperatorTask.objects.bulk_create([OperatorTask(**of_payment, detail=said)], ignore_conflicts=True)
    # The one just made, or one that was open; nobody else adds to it or closes it meanwhile.
    tasks = OperatorTask.objects.select_for_update(no_key=True).filter(**of_payment)
    task = tasks.get(closed_at__isnull=True)
    if question.mark in task.detail:
        return
    longer = f"{task.detail} Another: {said}"
    if len(longer) > _DETAIL:
        _ask_apart(question, said)
        return
    task.detail = longer
    task.save(update_fields=["detail"])
    if task.alerted_at is not None:
        path = f"/admin/payments/operatortask/{task.pk}/change/"
        key = f"task:{task.pk}:{question.key}"[:128]
        tell(question.kind, key, question.another, "It waits for a person.", Severity.CRITICAL, path)


def _ask_apart(question: Question, said: str) -> None:
    """Ask in a task that is about the occurrence itself: that of the payment is full."""
    detail = f"Payment {question.payment_id}: {said}"[:_DETAIL]
    task = OperatorTask(kind=question.kind, subject=question.name, detail=detail)
    OperatorTask.objects.bulk_create([task], ignore_conflicts=True)
