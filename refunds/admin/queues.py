"""The work queues of refunds on the console's front page, and the list's filter by them."""

from typing import Any, Final

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from payments.admin.overview.queues import Queue
from payments.clock import database_now
from refunds.models import Refund
from refunds.states import RefundState

_LIST: Final = "admin:refunds_refund_changelist"


def _wait(count: int) -> str:
    return "1 refund waits for approval." if count == 1 else f"{count} refunds wait for approval."


def _are_checked(count: int) -> str:
    return "1 refund is being checked with its gateway." if count == 1 else f"{count} refunds are being checked."


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
QUEUES: Final = (AWAITING_APPROVAL, UNKNOWN)


class QueueFilter(SimpleListFilter):
    """The work queues of the front page."""

    title = "work queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(queue.slug, queue.title) for queue in QUEUES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = next((queue for queue in QUEUES if queue.slug == self.value()), None)
        return queryset & chosen.rows(database_now()) if chosen else queryset
