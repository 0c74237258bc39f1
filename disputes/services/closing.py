"""Closes what people were asked about disputes, once the disputes have ended. The caller holds the payment's lock."""

import re
from datetime import datetime
from typing import Final

from django.db.models import Q, QuerySet

from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.models import GatewayEvent, OperatorTask, Payment
from payments.money import Money

_RESOLUTION: Final = OperatorTask._meta.get_field("resolution").max_length or 0
_BY: Final = "paysite"
# Between what was asked first and what joined it in one task.
_JOINED: Final = " Another: "
_OWN: Final = re.compile(r"(?:Payment \S+: )?Dispute (\S+): ")
_EVENT: Final = re.compile(r"(?:Payment \S+: )?(\S+) event (\S+): ")
_ENDED: Final = {
    DisputeStatus.WON: "was won",
    DisputeStatus.LOST: "was lost",
    DisputeStatus.CLOSED: "is closed: the gateway knows of none such",
}


def close_received(payment: Payment, now: datetime) -> None:
    """Close the tasks to answer disputes of `payment`, where each that they name has ended and none is open.

    One that names what is no dispute of ours, as an event without a reference, is left to people.
    """
    disputes = list(Dispute.objects.filter(payment=payment).select_related("charge").order_by("opened_at", "pk"))
    if any(dispute.status == DisputeStatus.NEEDS_RESPONSE for dispute in disputes):
        return
    for task in _tasks(payment, OperatorTask.Kind.DISPUTE_RECEIVED):
        named = [_named(part, disputes) for part in task.detail.split(_JOINED)]
        ended = [dispute for dispute in disputes if dispute in named]
        if None not in named:
            _close(task, now, " ".join(map(_end, ended)))


def close_double_loss(payment: Payment, dispute: Dispute, now: datetime) -> None:
    """Close the tasks that refunds and disputes take more of `payment` than was captured, where they no longer do so.

    A refund that is evidence against another open dispute stays with people.
    """
    if payment.refund_reserved + payment.disputed + payment.charged_back > payment.amount:
        return
    for task in _tasks(payment, OperatorTask.Kind.DOUBLE_LOSS):
        is_evidence = payment.disputed and any(_OWN.match(part) is None for part in task.detail.split(_JOINED))
        if not is_evidence:
            _close(task, now, f"{_end(dispute)} Refunds and disputes take no more than was captured.")


def close_replaced(dispute: Dispute, now: datetime) -> None:
    """Close the tasks to answer the lost `dispute` with its refunds that are about no other: what was lost is told in
    one of its own."""
    for task in _tasks(dispute.payment, OperatorTask.Kind.DOUBLE_LOSS):
        named = {found[1] if (found := _OWN.match(part)) else "" for part in task.detail.split(_JOINED)}
        if named == {dispute.gateway_reference}:
            _close(task, now, _end(dispute))


def closed_with(payment: Payment, kind: str, said: str) -> datetime | None:
    """Return when the machine last closed a task of `payment` that says `said`; None where it closed none."""
    of_payment = _of(payment).filter(kind=kind, closed_by=_BY, closed_at__isnull=False)
    closed = [task.closed_at for task in of_payment if said in task.detail and task.closed_at is not None]
    return max(closed, default=None)


def _tasks(payment: Payment, kind: str) -> "QuerySet[OperatorTask]":
    return _of(payment).filter(kind=kind, closed_at__isnull=True)


def _of(payment: Payment) -> "QuerySet[OperatorTask]":
    """Return the tasks of `payment`, with those of their own that found no room in its task."""
    apart = Q(payment=None, detail__startswith=f"Payment {payment.pk}: ")
    return OperatorTask.objects.filter(Q(payment=payment) | apart)


def _named(part: str, disputes: list[Dispute]) -> Dispute | None:
    """Return which of `disputes` a question is about: it names the dispute itself, or the event that told of it."""
    if own := _OWN.match(part):
        return next((each for each in disputes if each.gateway_reference == own[1]), None)
    found = _EVENT.match(part)
    event = found and GatewayEvent.objects.filter(gateway=found[1], event_id=found[2]).first()
    return next((each for each in disputes if event and _is_of(each, event)), None)


def _is_of(dispute: Dispute, event: GatewayEvent) -> bool:
    is_same = (dispute.gateway, dispute.gateway_reference) == (event.gateway, event.about)
    charges = {dispute.charge.gateway_reference, event.reference}
    # One of another charge is not the dispute that we know, whatever it calls itself.
    return is_same and ("" in charges or len(charges) == 1)


def _end(dispute: Dispute) -> str:
    """Say in words how the dispute ended."""
    money = Money(dispute.amount, dispute.currency)
    return f"Dispute {dispute.gateway_reference} of {money} {_ENDED[DisputeStatus(dispute.status)]}."


def _close(task: OperatorTask, now: datetime, resolution: str) -> None:
    still_open = OperatorTask.objects.filter(pk=task.pk, closed_at__isnull=True)
    still_open.update(closed_at=now, closed_by=_BY, resolution=resolution[:_RESOLUTION])
