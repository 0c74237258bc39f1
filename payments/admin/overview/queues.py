"""The work queues: what waits for a person or is stuck, how long already, and how much money hangs on it.

Each is found by a partial index and read up to CAP rows, so that an outage with a million rows cannot slow the page.
The payment list filters by the same definitions, so that a card and the list behind it never disagree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import QuerySet
from django.urls import reverse

from payments.admin.formats import span, sums
from payments.models import OperatorTask, Payment, SurplusCharge
from payments.states import PaymentStatus, SurplusState

CAP: Final = 10_000
# A worker takes a due payment up within a second. Two minutes late means that none does.
STUCK_AFTER: Final = timedelta(minutes=2)

_PAYMENTS: Final = "admin:payments_payment_changelist"

Rows = Callable[[datetime], "QuerySet[Any]"]


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. rows: what is in it at a time. order: the indexed column by which it is read, oldest first.

    since: from when a row counts as waiting. money: the path from a row to its payment's amount and currency.
    worth: what the sum of money is called. is_work: whether its rows wait for something to be done.
    """

    slug: str
    title: str
    advice: str
    rows: Rows
    order: str
    since: str
    list_url: str = _PAYMENTS
    money: str = ""
    worth: str = "At risk"
    is_work: bool = True


@dataclass(frozen=True, slots=True)
class Card:
    """A queue as the front page shows it. count and at_risk are exact below CAP, and at least that much at CAP."""

    queue: Queue
    count: int
    oldest: str
    at_risk: list[str]

    @property
    def is_capped(self) -> bool:
        return self.count >= CAP

    @property
    def url(self) -> str:
        return f"{reverse(self.queue.list_url)}?queue={self.queue.slug}"


def midnight(now: datetime) -> datetime:
    """Return the beginning of the day of `now`, in UTC like everything in the console."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


TO_RETURN: Final = Queue(
    slug="to_return",
    title="Money to give back",
    advice="Charges that gateways made without right. They are given back by themselves; where a gateway refuses, give "
    "the charge back at its own console.",
    rows=lambda _: SurplusCharge.objects.exclude(state=SurplusState.RETURNED),
    order="pk",
    since="found_at",
    list_url="admin:payments_surpluscharge_changelist",
    worth="To give back",
)
QUEUES: Final = (
    Queue(
        slug="unknown",
        title="Outcome unknown",
        advice="The gateway is asked again by itself. Do not charge again; if it lasts, ask the gateway's support.",
        rows=lambda _: Payment.objects.filter(outcome_unknown=True),
        order="pk",
        since="created_at",
    ),
    Queue(
        slug="review",
        title="Review",
        advice="The machine cannot decide these alone. Open each one and read its timeline.",
        rows=lambda _: Payment.objects.filter(status=PaymentStatus.REVIEW),
        order="pk",
        since="created_at",
    ),
    Queue(
        slug="open",
        title="Operator tasks",
        advice="Open questions about single payments. Find out, then close the task with what you found.",
        rows=lambda _: OperatorTask.objects.filter(closed_at__isnull=True),
        order="pk",
        since="opened_at",
        list_url="admin:payments_operatortask_changelist",
        money="payment__",
    ),
    Queue(
        slug="queued",
        title="Accepted, to be charged later",
        advice="No gateway could charge these orders of trusted customers. They are charged by themselves once one "
        "can: the breakers below say when that is tried.",
        rows=lambda _: Payment.objects.filter(queued_at__isnull=False, status=PaymentStatus.RETRYING),
        order="queued_at",
        since="queued_at",
    ),
    TO_RETURN,
    Queue(
        slug="stuck",
        title="Due for over 2 minutes",
        advice="No worker takes these up: look at the settle loops below. Nothing is lost, all go on when a loop runs.",
        rows=lambda now: Payment.objects.filter(due_at__lte=now - STUCK_AFTER),
        order="due_at",
        since="due_at",
    ),
    Queue(
        slug="failed_today",
        title="Failed today",
        advice="Nobody was charged. Many with one decline code or gateway point to a cause; single ones are normal.",
        rows=lambda now: Payment.objects.filter(status=PaymentStatus.FAILED, processed_at__gte=midnight(now)),
        order="processed_at",
        since="processed_at",
        worth="Not paid",
        is_work=False,
    ),
)
# Those whose rows are payments, for the filter of the payment list.
OF_PAYMENTS: Final = tuple(queue for queue in QUEUES if queue.list_url == _PAYMENTS)


def card(queue: Queue, now: datetime) -> Card:
    """Read one queue, with one statement."""
    columns = (f"{queue.money}currency", f"{queue.money}amount", queue.since)
    found = list(queue.rows(now).order_by(queue.order).values_list(*columns)[:CAP])
    totals: dict[str, int] = {}
    for currency, amount, _ in found:
        totals[currency] = totals.get(currency, 0) + amount
    return Card(
        queue=queue,
        count=len(found),
        oldest=span(now - min(since for _, _, since in found)) if found else "",
        at_risk=sums(totals),
    )


def cards(now: datetime) -> list[Card]:
    return [card(queue, now) for queue in QUEUES]
