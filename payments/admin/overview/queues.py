"""The work queues: what waits for a person or is stuck, how long already, and how much money hangs on it.

Each is found by a partial index and read up to CAP rows, so that an outage with a million rows cannot slow the page.
The payment list filters by the same definitions, so that a card and the list behind it never disagree.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse

from payments.admin.formats import span, sums, utc
from payments.ids import floor_id
from payments.models import Delivery, GatewayEvent, OperatorTask, Payment, SurplusCharge, WebhookEndpoint
from payments.states import PaymentStatus, SurplusState

CAP: Final = 10_000
# A worker takes a due payment up within a second. Two minutes late means that none does.
STUCK_AFTER: Final = timedelta(minutes=2)
# A gateway's event is applied within seconds, or tried.
_UNTOUCHED: Final = timedelta(minutes=10)
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)

_PAYMENTS: Final = "admin:payments_payment_changelist"

Rows = Callable[[datetime], "QuerySet[Any]"]


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue. rows: what is in it at a time. order: the indexed column by which it is read, oldest first.

    since: from when a row counts as waiting. until: the column of a time by which people must have acted, where there
    is one. money: the path from a row to its payment's amount and currency.
    worth: what the sum of money is called; empty where no money hangs on the rows. is_work: whether its rows wait for
    something to be done. says: what the front page's first sentence tells of so many rows, and, with for_people,
    before what the machine itself works on.
    """

    slug: str
    title: str
    advice: str
    rows: Rows
    order: str
    since: str | Coalesce
    until: str = ""
    list_url: str = _PAYMENTS
    money: str = ""
    worth: str = "At risk"
    is_work: bool = True
    says: Callable[[int], str] | None = None
    for_people: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A queue as the front page shows it. count and at_risk are exact below CAP, and at least that much at CAP.

    deadline: the earliest time by which people must have acted on one of them, in words; empty for none.
    """

    queue: Queue
    count: int
    oldest: str
    at_risk: list[str]
    deadline: str = ""

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
TROUBLED_ENDPOINTS: Final = Queue(
    slug="troubled_endpoints",
    title="Shops' endpoints in trouble",
    advice="Shops that do not hear of their payments. Failing ones are tried on; one that was disabled this week stays "
    "so until somebody enables it. Tell the shop, then deliver again what it missed.",
    rows=lambda now: WebhookEndpoint.objects.filter(deleted_at__isnull=True).filter(
        Q(failing_since__isnull=False) | Q(is_enabled=False, disabled_at__gte=now - _WEEK)
    ),
    order="pk",
    since=Coalesce("failing_since", "disabled_at"),
    list_url="admin:payments_webhookendpoint_changelist",
    worth="",
)
FAILED_DELIVERIES: Final = Queue(
    slug="failed_deliveries",
    title="Events not delivered",
    advice="Of the last 24 hours. Each one says what the shop's endpoint answered; once it works, deliver them again.",
    # By the event's id, whose first part is its time: the unique index begins with it.
    rows=lambda now: Delivery.objects.filter(event__gte=floor_id("evt", now - _DAY), state=Delivery.State.FAILED),
    order="event",
    since="created_at",
    list_url="admin:payments_delivery_changelist",
    worth="",
)
PARKED: Final = Queue(
    slug="parked",
    title="Gateways' events about nothing we know",
    advice="They are tried again for a day and then become operator tasks. Many at once point to a restored database, "
    "or to another system that uses our ids.",
    # By the index of what is due: every parked event is due at some time.
    rows=lambda _: GatewayEvent.objects.filter(due_at__isnull=False, state=GatewayEvent.State.PARKED),
    order="due_at",
    since="received_at",
    list_url="admin:payments_gatewayevent_changelist",
    worth="",
)
UNCONFIRMED: Final = Queue(
    slug="unconfirmed",
    title="Gateways' events that wait",
    advice="They came, and their gateway did not confirm them yet, or nobody took them up for 10 minutes. They are "
    "tried again for a day and then become operator tasks. Their notes say why; look at the gateway and the loops.",
    # Of those that are not applied, as the partial index of states says it. The parked ones have a card of their own.
    rows=lambda now: GatewayEvent.objects.exclude(state=GatewayEvent.State.APPLIED).filter(
        Q(tries__gt=0) | Q(received_at__lt=now - _UNTOUCHED), state=GatewayEvent.State.RECEIVED
    ),
    order="pk",
    since="received_at",
    list_url="admin:payments_gatewayevent_changelist",
    worth="",
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
        advice="Open questions about single payments or events. Find out, then close the task with what you found.",
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
    TROUBLED_ENDPOINTS,
    FAILED_DELIVERIES,
    UNCONFIRMED,
    PARKED,
)
# Those whose rows are payments, for the filter of the payment list.
OF_PAYMENTS: Final = tuple(queue for queue in QUEUES if queue.list_url == _PAYMENTS)


def card(queue: Queue, now: datetime) -> Card:
    """Read one queue, with one statement."""
    found = queue.rows(now).order_by(queue.order)
    if not queue.worth:
        waiting = list(found.values_list(queue.since, flat=True)[:CAP])
        return Card(queue=queue, count=len(waiting), oldest=span(now - min(waiting)) if waiting else "", at_risk=[])
    columns = (f"{queue.money}currency", f"{queue.money}amount", queue.since)
    rows = list(found.values_list(*columns, *([queue.until] if queue.until else []))[:CAP])
    totals: dict[str, int] = {}
    for currency, amount, *_ in rows:
        if currency is not None:  # a task may be about no payment
            totals[currency] = totals.get(currency, 0) + amount
    return Card(
        queue=queue,
        count=len(rows),
        oldest=span(now - min(since for _, _, since, *_ in rows)) if rows else "",
        at_risk=sums(totals),
        deadline=_deadline([until for *_, until in rows if until is not None], now) if queue.until else "",
    )


def _deadline(times: list[datetime], now: datetime) -> str:
    if not times:
        return ""
    first = min(times)
    return f"{utc(first)}, {f'in {span(first - now)}' if first > now else 'which is over'}"


_registered: Final[dict[str, Queue]] = {}


def register(queue: Queue) -> None:
    """Show a queue of another app, after the operator tasks."""
    _registered[queue.slug] = queue


def cards(now: datetime) -> list[Card]:
    place = next(number for number, queue in enumerate(QUEUES, 1) if queue.slug == "open")
    return [card(queue, now) for queue in (*QUEUES[:place], *_registered.values(), *QUEUES[place:])]
