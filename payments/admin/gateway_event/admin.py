"""The list of gateways' events, and the page of one: what came, byte by byte, and what it led to."""

from typing import Any, Final

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.confirm import operator_of
from payments.admin.formats import utc
from payments.admin.gateway_event.again import AGAIN, MAY_APPLY, MOST, RANGE, ask_for_chosen, ask_for_range
from payments.admin.gateway_event.body import readable
from payments.admin.overview.queues import PARKED, UNCONFIRMED
from payments.clock import database_now
from payments.models import GatewayEvent
from payments.services.gateway_events.match import find
from payments.services.gateway_events.rules import our_payment_id

# Above this no row's number goes.
_DIGITS: Final = 18


class GatewayFilter(admin.SimpleListFilter):
    """Which gateway sent it. The names are the settings': asking the table would read all of it."""

    title = "gateway"
    parameter_name = "gateway"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(options["name"], options["name"]) for options in settings.GATEWAYS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(gateway=self.value()) if self.value() else queryset


class QueueFilter(admin.SimpleListFilter):
    """Those that the front page counts."""

    title = "queue"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(UNCONFIRMED.slug, "waiting to be confirmed"), (PARKED.slug, "about nothing we know yet")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = next((queue for queue in (UNCONFIRMED, PARKED) if queue.slug == self.value()), None)
        return queryset & chosen.rows(database_now()) if chosen else queryset


@admin.register(GatewayEvent)
class GatewayEventAdmin(ReadOnlyAdmin):
    list_display = ("what", "gateway", "standing", "of_payment", "received", "times_received", "applied", "note")
    list_filter = (QueueFilter, "state", GatewayFilter)
    list_before_template = "admin/console/gateway_events_before.html"
    search_help_text = "Event or payment id"
    nothing = "No gateway has told us anything yet."
    actions = ("apply_again",)
    exact_search = ("event_id", "payment_id")

    @admin.display(description="event")
    def what(self, event: GatewayEvent) -> str:
        return event.type or "unreadable"

    @labels.coloured("state", labels.GATEWAY_EVENT)
    def standing(self, event: GatewayEvent) -> tuple[str, str]:
        return event.state, str(event.get_state_display())

    @admin.display(description="payment")
    def of_payment(self, event: GatewayEvent) -> SafeString | str:
        named = our_payment_id(event)
        return payment_link(named) if named else "—"

    @admin.display(description="received")
    def received(self, event: GatewayEvent) -> str:
        return utc(event.received_at)

    @admin.display(description="applied")
    def applied(self, event: GatewayEvent) -> str:
        return utc(event.applied_at)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).defer("body")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        # The unique index begins with the gateway.
        names = [options["name"] for options in settings.GATEWAYS]
        return (queryset.filter(Q(payment_id=term) | Q(gateway__in=names, event_id=term)) if term else queryset), False

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return super().get_actions(request) if operator_of(request).has_perm(MAY_APPLY) else {}

    @admin.action(description="Apply again…")
    def apply_again(self, request: HttpRequest, queryset: QuerySet[GatewayEvent]) -> HttpResponse:
        """Lead to the page that asks for confirmation."""
        chosen = ",".join(str(pk) for pk in queryset.order_by("pk").values_list("pk", flat=True)[:MOST])
        return HttpResponseRedirect(f"{reverse(f'admin:{AGAIN}')}?chosen={chosen}")

    def get_urls(self) -> list[URLPattern]:
        return [
            path("again/", self.admin_site.admin_view(self.again), name=AGAIN),
            path("again-range/", self.admin_site.admin_view(self.again_range), name=RANGE),
            *super().get_urls(),
        ]

    def again(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, apply the chosen ones again."""
        self._require(request)
        return ask_for_chosen(request, self.admin_site)

    def again_range(self, request: HttpRequest) -> HttpResponse:
        """Ask from when to when; on POST with a reason, apply what was received then."""
        self._require(request)
        return ask_for_range(request, self.admin_site)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the event. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        is_number = object_id.isascii() and object_id.isdecimal() and len(object_id) <= _DIGITS
        event = GatewayEvent.objects.filter(pk=int(object_id)).first() if is_number else None
        if event is None:
            raise Http404("There is no such event.")
        match = find([event]).get(event.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": self.what(event),
            "opts": self.opts,
            "original": event,
            "inline_admin_formsets": [],
            "event": event,
            "colour": labels.GATEWAY_EVENT[event.state],
            "payment_id": match.attempt.payment_id if match else "",
            "attempt": match.attempt if match else None,
            "body": readable(bytes(event.body)),
            "may_apply": operator_of(request).has_perm(MAY_APPLY),
        }
        return TemplateResponse(request, "admin/console/gateway_event.html", context)

    def _require(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request) or not operator_of(request).has_perm(MAY_APPLY):
            raise PermissionDenied
