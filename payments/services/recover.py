"""The sweep: finds by state and age, without a lower bound, what nobody finished, and makes it due (C1, C2).

Every row that has something left to be done says when it is due, and a worker that dies leaves a lease that ends: the
sweep is there for what that cannot catch, a wake-up that got lost, a queue that was emptied, a row that lost its time.
It changes no state and calls no gateway. So it may run at any time, twice, and on many machines at once.
"""

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from payments import audit
from payments.audit import Because
from payments.bulk import insert_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import Attempt, Delivery, GatewayEvent, Payment, RecoveryRun, SurplusCharge
from payments.services import alert, drain, errands, wake
from payments.states import UNFINISHED, WAITING, SurplusState

# Rows that one run puts right at most, so that it holds no lock for long; the next run goes on.
AT_MOST: Final = 1000
# A worker takes a due row up within a second; after this long it counts as left alone.
OVERDUE_AFTER: Final = timedelta(minutes=2)
# Who asks for a run by hand wants unknown outcomes looked up now, and not in an hour; sooner ones come by themselves.
SOON: Final = timedelta(seconds=30)
KEPT: Final = timedelta(days=7)


def recover(trigger: str, because: Because, *, client_id: int | None = None) -> RecoveryRun:
    """Run the sweep and return what it found and put right; only over the payments of `client_id` where given.

    By hand (any trigger but start and schedule) unknown outcomes are asked for now as well. Running it twice changes
    nothing that the first run put right.
    """
    if __debug__:
        reach("recover.begin")
    run = RecoveryRun.objects.create(trigger=trigger, actor=because.actor, client_id=client_id)
    by_hand = trigger not in {RecoveryRun.Trigger.START, RecoveryRun.Trigger.SCHEDULE}
    payments = Payment.objects.all() if client_id is None else Payment.objects.filter(client_id=client_id)
    repaired = {
        "forgottenPayments": _make_due(payments, _forgotten(), "payment.recovered", because),
        "forgottenAttempts": _make_due(payments, _with_forgotten_attempt(), "payment.recovered", because),
        "askedNow": _make_due(payments, _unknown(), "payment.asked_now", because) if by_hand else 0,
        "forgottenReturns": _returns(client_id).filter(due_at__isnull=True).update(due_at=Now()),
        "forgottenEvents": _events().update(due_at=Now()) if client_id is None else 0,
        "forgottenDeliveries": _deliveries(client_id).update(due_at=Now()),
        **{name: sweep(client_id) for name, sweep in errands.sweeps().items()},
        "takenFromQueue": drain.take_up() if client_id is None else 0,
        "wokenLoops": wake.wake(),
        "sentAlerts": alert.tell_tasks() if client_id is None else 0,
    }
    run.found, run.repaired = _found(payments, client_id), repaired
    run.finished_at = database_now()
    run.save(update_fields=["found", "repaired", "finished_at"])
    if client_id is None:
        RecoveryRun.objects.filter(started_at__lt=Now() - KEPT).delete()
    return run


def _forgotten() -> Q:
    return Q(due_at__isnull=True, status__in=UNFINISHED)


def _with_forgotten_attempt() -> Q:
    waiting = Attempt.objects.filter(payment=OuterRef("pk"), state__in=WAITING)
    recent = Now() - timedelta(days=7)
    # After a week nobody asks any more (gateway outcomes, rule 2): then it is with people.
    return Q(Exists(waiting.filter(sent_at__gt=recent)), due_at__isnull=True)


def _unknown() -> Q:
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lte=Now())
    return Q(outcome_unknown=True, due_at__gt=Now() + SOON) & free


def _returns(client_id: int | None) -> "QuerySet[SurplusCharge]":
    owed = SurplusCharge.objects.filter(state=SurplusState.OWED)
    return owed if client_id is None else owed.filter(payment__client_id=client_id)


def _events() -> "QuerySet[GatewayEvent]":
    waiting = (GatewayEvent.State.RECEIVED, GatewayEvent.State.PARKED)
    return GatewayEvent.objects.filter(state__in=waiting, due_at__isnull=True)


def _deliveries(client_id: int | None) -> "QuerySet[Delivery]":
    forgotten = Delivery.objects.filter(state=Delivery.State.PENDING, due_at__isnull=True)
    return forgotten if client_id is None else forgotten.filter(endpoint__client_id=client_id)


def _make_due(payments: "QuerySet[Payment]", which: Q, action: str, because: Because) -> int:
    """Make those `payments` due now, each with an entry of the audit trail; return how many there were."""
    with transaction.atomic():
        rows = list(payments.filter(which).select_for_update(no_key=True).order_by("pk")[:AT_MOST])
        if not rows:
            return 0
        Payment.objects.filter(pk__in=[row.pk for row in rows]).update(due_at=Now(), updated_at=Now())
        insert_each([audit.payment_entry(row, action, because, before=row.status) for row in rows])
        if __debug__:
            reach("recover.committing")
    if __debug__:
        reach("recover.committed")
    return len(rows)


def _found(payments: "QuerySet[Payment]", client_id: int | None) -> dict[str, int]:
    """Count what is unfinished now, each up to AT_MOST."""
    overdue = Now() - OVERDUE_AFTER

    def count(rows: "QuerySet[Payment] | QuerySet[SurplusCharge]") -> int:
        return len(rows.values_list("pk")[:AT_MOST])

    return {
        "unknown": count(payments.filter(outcome_unknown=True)),
        "overdue": count(payments.filter(due_at__lt=overdue)),
        "inReview": count(payments.filter(status="review")),
        "toBeReturned": count(_returns(client_id)),
    }
