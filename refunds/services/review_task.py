"""The question to people that a complaint becomes when the policy does not refund it (requirement D4)."""

from typing import Final

from payments.models import OperatorTask
from refunds.models import Complaint
from refunds.proactive import Case, Decision

_LONGEST: Final = 500
# Of the complaint itself: the console shows all of it beside the task.
_WORDS: Final = 120


def open_task(complaint: Complaint, case: Case, decision: Decision) -> int:
    """Open the task about the complaint's payment, which is locked; return its id.

    A payment has one open question of a kind: a second complaint joins the first one's task.
    """
    task, _ = OperatorTask.objects.get_or_create(
        payment_id=complaint.payment_id,
        kind=OperatorTask.Kind.REFUND_REVIEW,
        closed_at=None,
        defaults={"subject": complaint.pk, "detail": detail(complaint, case, decision)},
    )
    return task.pk


def task_of(complaint: Complaint) -> int | None:
    """Return the id of the task that a complaint opened or joined; None where it was refunded at once."""
    if complaint.decision == Complaint.Decision.REFUNDED:
        return None
    tasks = OperatorTask.objects.filter(payment_id=complaint.payment_id, kind=OperatorTask.Kind.REFUND_REVIEW)
    own = tasks.filter(subject=complaint.pk).first()
    joined = tasks.filter(opened_at__lte=complaint.created_at).order_by("-pk").first()
    found = own or joined
    return None if found is None else found.pk


def detail(complaint: Complaint, case: Case, decision: Decision) -> str:
    """Return what a person has to know to decide, the most important first: it is cut at 500 characters."""
    words = complaint.words if len(complaint.words) <= _WORDS else f"{complaint.words[:_WORDS]}…"
    parts = [
        decision.advice,
        f"The customer says: “{words}”",
        f"Why not at once: {decision.why}",
        _history(case),
    ]
    return " ".join(parts)[:_LONGEST]


def _history(case: Case) -> str:
    if case.history is None:
        return ""
    known = case.history
    return (
        f"Customer: {known.paid_orders} paid orders, {known.refunds} refunds, {known.granted} at once lately, "
        f"{known.open_disputes} open and {known.lost_disputes} lost disputes."
    )
