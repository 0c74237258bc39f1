"""What is heard about a refund, without a gateway: claims whose calls are not made, and answers made by hand."""

from datetime import timedelta
from typing import Any

from django.db.models.functions import Now

from payments.clock import database_now
from payments.gateways.base import Kind, Outcome
from payments.models import Client, Event, LedgerPosting, OperatorTask, Payment
from refunds.models import Refund, RefundAttempt
from refunds.services.claim import Work, claim
from refunds.services.heard import Heard, heard
from tests.payments.conftest import BECAUSE
from tests.refunds.conftest import requested
from tests.refunds.rows import paid


def claimed(room: int = 10) -> list[Work]:
    """Claim what is due; return the calls that would be made."""
    return [ask.args[0] for ask in claim(BECAUSE, room)]  # type: ignore[attr-defined]


def claimed_again(refund: Refund) -> list[Work]:
    """Have another worker take the refund over, whose lease is over."""
    Refund.objects.filter(pk=refund.pk).update(due_at=Now() - timedelta(seconds=1))
    return claimed()


def sent(shop: Client, amount: int | None = 3000, key: str = "refund-1", payment: Payment | None = None) -> Refund:
    """Return a refund whose attempt is committed as sent."""
    refund = requested(payment or paid(shop), amount, key)
    claimed()
    return Refund.objects.get(pk=refund.pk)


def news(refund: Refund, kind: Kind, reason: str = "test", *, looked: bool = False, **more: Any) -> Heard:
    """Return what the worker that holds the refund hears now, in answer to a question asked this moment."""
    row = Refund.objects.get(pk=refund.pk)
    outcome = Outcome(kind, reason, **more)
    return Heard(row.pk, last(row).pk, outcome, BECAUSE, looked, not looked, row.fence, database_now())


def told(refund: Refund, kind: Kind, reason: str = "test", *, looked: bool = False, **more: Any) -> Refund:
    """Let `kind` be heard of the refund; return it as it is then."""
    heard(news(refund, kind, reason, looked=looked, **more))
    return Refund.objects.get(pk=refund.pk)


def by_itself(refund: Refund, kind: Kind, reason: str = "test", **more: Any) -> Refund:
    """Let news come that nobody asked for, as by an event or a list; return the refund as it is then."""
    heard(Heard(refund.pk, None, Outcome(kind, reason, **more), BECAUSE))
    return Refund.objects.get(pk=refund.pk)


def last(refund: Refund) -> RefundAttempt:
    return RefundAttempt.objects.filter(refund=refund).latest("number")


def states(refund: Refund) -> list[str]:
    """Return the state of the refund, and of its attempts, oldest first."""
    attempts = RefundAttempt.objects.filter(refund=refund).order_by("number").values_list("state", flat=True)
    return [Refund.objects.get(pk=refund.pk).state, *attempts]


def asked(refund: Refund) -> list[str]:
    """Return what operators are asked now about the payment."""
    open_ones = OperatorTask.objects.filter(payment=refund.payment_id, closed_at__isnull=True)
    return sorted(open_ones.values_list("kind", flat=True))


def booked(refund: Refund) -> list[tuple[str, str, int]]:
    """Return debit, credit and minor units of each posting of the refund, oldest first."""
    rows = LedgerPosting.objects.filter(entity_id=refund.pk).order_by("id")
    return list(rows.values_list("debit", "credit", "amount"))


def published(refund: Refund) -> list[str]:
    """Return the types of the events about refunds of the payment, in their sequence."""
    events = Event.objects.filter(payment_id=refund.payment_id, type__startswith="refund.").order_by("sequence")
    return list(events.values_list("type", flat=True))
