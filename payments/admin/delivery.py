"""Deliveries of events in the console: the log of every request to a shop, and sending again (requirement G7)."""

from collections import defaultdict
from typing import Any, Final

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of, payment_link
from payments.admin.confirm import Question, ReasonForm, ask, because_of, operator_of, reason_given
from payments.admin.event import TypeFilter, found_by, readable
from payments.admin.formats import utc
from payments.admin.overview.queues import FAILED_DELIVERIES
from payments.admin.webhook_endpoint.acts import MAY_ACT
from payments.clock import database_now
from payments.models import Delivery, WebhookEndpoint
from payments.queries import tries_of, with_tries
from payments.services.endpoints import DisabledEndpointError
from payments.services.redeliver import redeliver

_LIST: Final = "admin:payments_delivery_changelist"
# Deliveries chosen at once: as many as stand on one page of the list.
_MOST: Final = 50


class EventTypeFilter(TypeFilter):
    path = "event__type"


class RecentFilter(admin.SimpleListFilter):
    """Those that the front page counts."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(FAILED_DELIVERIES.slug, "not delivered, last 24 hours")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() == FAILED_DELIVERIES.slug
        return queryset & FAILED_DELIVERIES.rows(database_now()) if chosen else queryset


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("of_type", "of_payment", "to", "standing", "note", "tries", "written")
    list_filter = (RecentFilter, "state", "endpoint", EventTypeFilter)
    list_select_related = ("event", "endpoint")
    search_help_text = "Event or payment id"
    nothing = "No event has been sent to a shop yet."
    actions = ("send_again",)
    exact_search = ("event",)

    @admin.display(description="event")
    def of_type(self, delivery: Delivery) -> str:
        return delivery.event.type

    @admin.display(description="payment")
    def of_payment(self, delivery: Delivery) -> SafeString | str:
        return payment_link(delivery.payment_id) if delivery.payment_id else "—"

    @admin.display(description="endpoint")
    def to(self, delivery: Delivery) -> SafeString:
        return format_html('<a class="console-link" href="{}">{}</a>', page_of(delivery.endpoint), delivery.endpoint)

    @labels.coloured("state", labels.DELIVERY)
    def standing(self, delivery: Delivery) -> tuple[str, str]:
        return delivery.state, str(delivery.get_state_display())

    @admin.display(description="written")
    def written(self, delivery: Delivery) -> str:
        return utc(delivery.created_at)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(event__in=found_by(term)) if term else queryset), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("event__body")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return super().get_actions(request) if operator_of(request).has_perm(MAY_ACT) else {}

    @admin.action(description="Deliver again…")
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> HttpResponse:
        """Lead to the page that asks for confirmation."""
        chosen = ",".join(str(pk) for pk in queryset.order_by("pk").values_list("pk", flat=True)[:_MOST])
        return HttpResponseRedirect(f"{reverse('admin:payments_delivery_again')}?chosen={chosen}")

    def get_urls(self) -> list[URLPattern]:
        return [
            path("again/", self.admin_site.admin_view(self.again), name="payments_delivery_again"),
            *super().get_urls(),
        ]

    def again(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, deliver the chosen ones again."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_ACT):
            raise PermissionDenied
        chosen = _chosen(request.GET.get("chosen", ""))
        can = [row for row in chosen if row.endpoint.is_enabled and row.endpoint.deleted_at is None]
        question = Question(
            title="Deliver again?",
            will=_will(len(can), len(chosen)),
            button="Deliver again",
            why_not="" if can else "Their endpoints are disabled or deleted: nothing is sent there.",
            help="Goes into the history of each with your name.",
        )
        back = reverse(_LIST) if len(chosen) > 1 else page_of(chosen[0])
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        if question.why_not or not reason_given(request, form):
            return ask(request, self.admin_site, question, form, chosen[0], back)
        count = _deliver_again(can, request)
        note = f"Deliver again: {form.cleaned_data['reason']}"
        for row in can:
            LogEntry.objects.log_actions(user.pk, [row], CHANGE, note, single_object=True)
        messages.success(request, f"{count} of {len(chosen)} are delivered again.")
        return HttpResponseRedirect(back)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the delivery with its event and every try. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        number = int(object_id) if object_id.isascii() and object_id.isdecimal() and len(object_id) < 19 else -1
        rows = with_tries(Delivery.objects.filter(pk=number)).select_related("event", "endpoint")
        delivery = rows.defer(None).first()
        if delivery is None:
            raise Http404("There is no such delivery.")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Delivery of {delivery.event.type}",
            "opts": self.opts,
            "original": delivery,
            "inline_admin_formsets": [],
            "delivery": delivery,
            "colour": labels.DELIVERY[delivery.state],
            "tries": [(row, sorted(row.headers.items())) for row in tries_of(delivery)],
            "body": readable(delivery.event.body),
            "may_act": operator_of(request).has_perm(MAY_ACT),
        }
        return TemplateResponse(request, "admin/console/delivery.html", context)


def _chosen(text: str) -> list[Delivery]:
    numbers = [int(part) for part in text.split(",") if part.isascii() and part.isdecimal() and len(part) < 19]
    rows = Delivery.objects.filter(pk__in=numbers[:_MOST]).select_related("endpoint")
    chosen = list(rows.order_by("pk"))
    if not chosen:
        raise Http404("There is no such delivery.")
    return chosen


def _will(count: int, chosen: int) -> str:
    what = "1 event is" if count == 1 else f"{count} events are"
    passed = f" {chosen - count} of the chosen are left out, as their endpoint is disabled." if count < chosen else ""
    return f"{what} sent once more, with the same id and the same bytes.{passed}"


def _deliver_again(rows: list[Delivery], request: HttpRequest) -> int:
    """Make `rows` due, endpoint by endpoint; one that was disabled this moment is left out."""
    by_endpoint: dict[WebhookEndpoint, list[str]] = defaultdict(list)
    for row in rows:
        by_endpoint[row.endpoint].append(row.event_id)
    because, count = because_of(operator_of(request), "deliver-again"), 0
    for endpoint, event_ids in by_endpoint.items():
        try:
            count += redeliver(endpoint, because, event_ids=event_ids)
        except DisabledEndpointError:
            continue
    return count
