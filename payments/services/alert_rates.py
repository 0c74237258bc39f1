"""Looks at the rates of requirement G3 and alerts the team where one is bad, at most once an hour each.

Payments are found by the time in their ids, so that a look costs the same however many payments there are.
"""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, F, Q, QuerySet

from payments.clock import database_now
from payments.ids import floor_id
from payments.models import Attempt, OperatorTask, Payment
from payments.notices import Severity, tell
from payments.states import PaymentStatus

WINDOW: Final = timedelta(minutes=15)
# Of all that ended in per cent, and how many must have ended for a rate to mean something.
FAILURES_PERCENT: Final = 10
FEWEST_ENDED: Final = 20
# The 99th percentile of accept to success; one slow payment of a few says nothing.
SLOW: Final = timedelta(seconds=10)
FEWEST_TIMED: Final = 100
DISPUTES_A_DAY: Final = 5


def check() -> None:
    """Look at every rate now, and write a notice for each that is bad and was not told in this hour."""
    now = database_now()
    _failures(now)
    _slowness(now)
    _disputes(now)


def _failures(now: datetime) -> None:
    """Of the payments of the last 15 minutes that are paid or failed, too many failed."""
    counts = _begun_since(now - WINDOW).aggregate(
        paid=Count("pk", filter=Q(status=PaymentStatus.SUCCESS)),
        failed=Count("pk", filter=Q(status=PaymentStatus.FAILED)),
    )
    failed, ended = counts["failed"], counts["paid"] + counts["failed"]
    if ended < FEWEST_ENDED or failed * 100 <= FAILURES_PERCENT * ended:
        return
    _tell("failure_rate", f"{failed} of {ended} payments failed in 15 minutes", Severity.CRITICAL, now, "payment")


def _slowness(now: datetime) -> None:
    """More than one in a hundred took longer than 10 seconds from accept to success: so did the 99th percentile.

    Without those that waited for a customer at the bank, or that were accepted to be charged later.
    """
    asked = Attempt.objects.filter(pk__gte=floor_id("att", now - WINDOW), three_d_secure=True).values("payment_id")
    paid = _begun_since(now - WINDOW).filter(status=PaymentStatus.SUCCESS, queued_at__isnull=True)
    counts = paid.exclude(pk__in=asked).aggregate(
        all=Count("pk"), slow=Count("pk", filter=Q(processed_at__gt=F("created_at") + SLOW))
    )
    slow, count = counts["slow"], counts["all"]
    if count < FEWEST_TIMED or slow * 100 <= count:
        return
    subject = f"{slow} of {count} payments took longer than 10 seconds in 15 minutes (p99 over 10 s)"
    _tell("slow_payments", subject, Severity.WARNING, now, "payment")


def _disputes(now: datetime) -> None:
    """More than five customers disputed a charge today (UTC)."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    tasks = OperatorTask.objects.filter(kind=OperatorTask.Kind.DISPUTE_RECEIVED, opened_at__gte=midnight)
    count = tasks.count()
    if count > DISPUTES_A_DAY:
        _tell("disputes", f"{count} disputes were received today", Severity.CRITICAL, now, "operatortask")


def _begun_since(since: datetime) -> "QuerySet[Payment]":
    return Payment.objects.filter(pk__gte=floor_id("pay", since))


def _tell(kind: str, subject: str, severity: str, now: datetime, page: str) -> None:
    text = "You are told again in an hour if it lasts."
    tell(kind, f"{kind}:{now:%Y-%m-%dT%H}", subject, text, severity, f"/admin/payments/{page}/")
