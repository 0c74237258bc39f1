"""The work queue of bulk refunds that wait for a second person, on the console's front page."""

from typing import Any, Final

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from payments.admin.overview.queues import Queue
from payments.clock import database_now
from refunds.models import BulkRefund
from refunds.states import BulkState


def _wait(count: int) -> str:
    return "1 bulk refund waits for approval." if count == 1 else f"{count} bulk refunds wait for approval."


TO_APPROVE: Final = Queue(
    slug="bulk_to_approve",
    title="Bulk refunds awaiting approval",
    advice="A second person looks at the list and approves all of it or calls it off. Nothing was refunded; what "
    "nobody approves in time lapses.",
    rows=lambda _: BulkRefund.objects.filter(state=BulkState.AWAITING_APPROVAL),
    order="pk",
    since="created_at",
    list_url="admin:refunds_bulkrefund_changelist",
    # A list may have several currencies: its page has the sums.
    worth="",
    says=_wait,
    for_people=True,
)


class QueueFilter(SimpleListFilter):
    """The work queue of the front page."""

    title = "work queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(TO_APPROVE.slug, TO_APPROVE.title)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset & TO_APPROVE.rows(database_now()) if self.value() == TO_APPROVE.slug else queryset
