"""The work queues of refunds on the console's front page, and the list's filter by them."""

from datetime import datetime
from typing import Any, Final

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest

from payments.admin.overview.queues import STUCK_AFTER, Queue
from payments.clock import database_now
from payments.ids import floor_id
from refunds.models import Origin, Refund, RefundAttempt
from refunds.states import RefundAttemptState, RefundState

_LIST: Final = "admin:refunds_refund_changelist"
_ACCEPTED: Final = (RefundState.REQUESTED, RefundState.PROCESSING)


def _wait(count: int) -> str:
    return "1 refund waits for approval." if count == 1 else f"{count} refunds wait for approval."


def _are_checked(count: int) -> str:
    return "1 refund is being checked with its gateway." if count == 1 else f"{count} refunds are being checked."


def _not_sent(now: datetime) -> "QuerySet[Refund]":
    """Return accepted refunds that no gateway has taken on for two minutes, by the partial index of states.

    What a gateway has and is not done with can take days and is well; so is what was made at its own dashboard.
    """
    taken_on = RefundAttempt.objects.filter(refund=OuterRef("pk"), state=RefundAttemptState.PENDING)
    return (
        Refund.objects.exclude(state=RefundState.SUCCEEDED)
        .exclude(origin=Origin.GATEWAY)
        .filter(~Exists(taken_on), state__in=_ACCEPTED, pk__lt=floor_id("rf", now - STUCK_AFTER))
        .filter(Q(approved_at=None) | Q(approved_at__lt=now - STUCK_AFTER))
    )


AWAITING_APPROVAL: Final = Queue(
    slug="to_approve",
    title="Refunds awaiting approval",
    advice="A second person looks at each and approves it or calls it off. Nothing was sent; what nobody approves in "
    "time lapses.",
    rows=lambda _: Refund.objects.filter(state=RefundState.AWAITING_APPROVAL),
    order="pk",
    since="created_at",
    list_url=_LIST,
    worth="To approve",
    says=_wait,
    for_people=True,
)
UNKNOWN: Final = Queue(
    slug="refund_unknown",
    title="Refunds with unknown outcome",
    advice="The gateway is asked again by itself. Do not give the money back in another way: the customer could get "
    "it twice.",
    rows=lambda _: Refund.objects.filter(state=RefundState.UNKNOWN),
    order="pk",
    since="created_at",
    list_url=_LIST,
    says=_are_checked,
)
STUCK: Final = Queue(
    slug="refund_stuck",
    title="Refunds not sent for over 2 minutes",
    advice="Accepted, and not yet with their gateway: its breaker is open, or no settle loop runs (see below). All go "
    "on by themselves. Do not give the money back in another way: the customer could get it twice.",
    rows=_not_sent,
    order="pk",
    since=Coalesce("approved_at", "created_at"),
    list_url=_LIST,
    worth="To give back",
)
QUEUES: Final = (AWAITING_APPROVAL, UNKNOWN, STUCK)


class QueueFilter(SimpleListFilter):
    """The work queues of the front page."""

    title = "work queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(queue.slug, queue.title) for queue in QUEUES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = next((queue for queue in QUEUES if queue.slug == self.value()), None)
        return queryset & chosen.rows(database_now()) if chosen else queryset
