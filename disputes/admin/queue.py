"""The work queue of disputes on the console's front page, and the list's filter by it."""

from typing import Any, Final

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest

from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.admin.overview.queues import Queue
from payments.clock import database_now


def _need(count: int) -> str:
    return "1 dispute needs a response." if count == 1 else f"{count} disputes need a response."


NEED_RESPONSE: Final = Queue(
    slug="need_response",
    title="Disputes that need a response",
    advice="Answer each at its gateway's own console before its date, with the refunds as evidence. Nothing of their "
    "payments can be refunded until they have ended.",
    # By the partial index of what is due: the gateway is asked about every open dispute at least daily.
    rows=lambda _: Dispute.objects.filter(due_at__isnull=False, status=DisputeStatus.NEEDS_RESPONSE),
    order="due_at",
    since="opened_at",
    until="respond_by",
    list_url="admin:disputes_dispute_changelist",
    worth="Disputed",
    says=_need,
    for_people=True,
)


class QueueFilter(SimpleListFilter):
    """The work queue of the front page."""

    title = "work queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(NEED_RESPONSE.slug, NEED_RESPONSE.title)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        is_chosen = self.value() == NEED_RESPONSE.slug
        return queryset & NEED_RESPONSE.rows(database_now()) if is_chosen else queryset
