"""Events in the console: what shops were told, byte by byte, and what became of each delivery (requirement G7)."""

import json
from typing import Any

import orjson
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString

from payments import events
from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of, payment_link
from payments.admin.formats import utc
from payments.ids import is_id
from payments.models import Event
from payments.queries import about


class TypeFilter(admin.SimpleListFilter):
    """The event's type. path: from the listed row to it."""

    title = "event type"
    parameter_name = "type"
    path = "type"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(name, name) for name in events.TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(Q((self.path, self.value()))) if self.value() in events.TYPES else queryset


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ("type", "client", "of_payment", "sequence", "happened", "published", "id")
    list_filter = (TypeFilter, "client")
    list_select_related = ("client",)
    exact_search = ("pk", "payment_id")
    search_help_text = "Event or payment id"
    nothing = "Nothing has happened yet that a shop is told of."

    @admin.display(description="payment")
    def of_payment(self, event: Event) -> SafeString | str:
        return payment_link(event.payment_id) if event.payment_id else "—"

    @admin.display(description="happened")
    def happened(self, event: Event) -> str:
        return utc(event.happened_at)

    @admin.display(description="published")
    def published(self, event: Event) -> str:
        return "not yet" if event.position is None else f"as no. {event.position}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=found_by(term)) if term else queryset), False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the event. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        event_id = unquote(object_id)
        rows = Event.objects.select_related("client")
        event = rows.filter(pk=event_id).first() if is_id(event_id, "evt") else None
        if event is None:
            raise Http404("There is no such event.")
        context = {
            **self.admin_site.each_context(request),
            "title": event.type,
            "opts": self.opts,
            "original": event,
            "inline_admin_formsets": [],
            "event": event,
            "meaning": events.TYPES.get(event.type, ""),
            "published": self.published(event),
            "body": readable(event.body),
            "deliveries": [
                (row, page_of(row), labels.DELIVERY[row.state])
                for row in event.deliveries.select_related("endpoint").order_by("pk")
            ],
        }
        return TemplateResponse(request, "admin/console/event.html", context)


def found_by(term: str) -> QuerySet[Event, str]:
    """Return the ids of the events that `term` names: one by its own id, or all of a payment."""
    rows = about(Event.objects.all(), term) if is_id(term, "pay") else Event.objects.filter(pk=term)
    return rows.values_list("pk", flat=True)


def readable(body: str) -> str:
    """Return the JSON text `body` with line ends and indents; numbers stay as they are written: 10.10, not 10.1."""
    return orjson.dumps(json.loads(body, parse_float=orjson.Fragment), option=orjson.OPT_INDENT_2).decode()
