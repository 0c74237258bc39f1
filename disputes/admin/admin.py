"""The list and the page of disputes. Nothing is edited here: what can be done goes through services (G1, G4)."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from disputes.admin import words
from disputes.admin.ask import ask_gateway, may_ask, question
from disputes.admin.page import confirmed, money_of, page
from disputes.admin.queue import QueueFilter
from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.admin.base import ReadOnlyAdmin, page_of, payment_link
from payments.admin.confirm import ReasonForm, RefusedError, ask, operator_of, reason_given
from payments.admin.formats import utc
from payments.admin.labels import coloured
from payments.clock import database_now
from payments.ids import is_id
from payments.money import Money


class GatewayFilter(SimpleListFilter):
    """The gateway that told of the dispute."""

    title = "gateway"
    parameter_name = "gateway"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(options["name"], options["name"]) for options in settings.GATEWAYS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(gateway=self.value()) if self.value() else queryset


@admin.register(Dispute)
class DisputeAdmin(ReadOnlyAdmin):
    list_display = (
        *("id", "of_payment", "amount_exact", "standing", "why", "respond_by_utc", "at_gateway"),
        *("refunded_already", "last_confirmed", "trouble_in_words"),
    )
    list_filter = (QueueFilter, "status", GatewayFilter)
    exact_search = ("pk", "payment_id")
    search_help_text = "Dispute or payment id, or the gateway's dispute id"
    nothing = "No customer has disputed a charge yet."

    @admin.display(description="payment")
    def of_payment(self, dispute: Dispute) -> SafeString:
        return payment_link(dispute.payment_id)

    @admin.display(description="amount")
    def amount_exact(self, dispute: Dispute) -> str:
        return money_of(dispute)

    @coloured("status", words.LABELS)
    def standing(self, dispute: Dispute) -> tuple[str, str]:
        return dispute.status, str(DisputeStatus(dispute.status).label)

    @admin.display(description="reason")
    def why(self, dispute: Dispute) -> str:
        return words.of_reason(dispute.reason) or "—"

    @admin.display(description="respond by")
    def respond_by_utc(self, dispute: Dispute) -> str:
        return utc(dispute.respond_by)

    @admin.display(description="at the gateway")
    def at_gateway(self, dispute: Dispute) -> str:
        return f"{dispute.gateway} {dispute.gateway_reference}"

    @admin.display(description="refunded before")
    def refunded_already(self, dispute: Dispute) -> str:
        return str(Money(dispute.refunded_before, dispute.currency))

    @admin.display(description="last confirmed")
    def last_confirmed(self, dispute: Dispute) -> str:
        return confirmed(dispute)

    @admin.display(description="trouble")
    def trouble_in_words(self, dispute: Dispute) -> str:
        return words.of_trouble(dispute.trouble) or "—"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Naming all gateways lets the unique index be used, which begins with them.
        gateways = [options["name"] for options in settings.GATEWAYS]
        known = Q(gateway__in=gateways, gateway_reference=term)
        return queryset.filter(Q(pk=term) | Q(payment_id=term) | known), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.ask_now)
        return [path("<str:dispute_id>/ask/", view, name="disputes_dispute_ask"), *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the dispute. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        dispute = _dispute(unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            **page(dispute, operator_of(request), database_now()),
            "title": f"Dispute of {money_of(dispute)}",
            "opts": self.opts,
            "original": dispute,
            "inline_admin_formsets": [],
        }
        return TemplateResponse(request, "admin/console/dispute.html", context)

    def ask_now(self, request: HttpRequest, dispute_id: str) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, have the gateway asked now."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not may_ask(user):
            raise PermissionDenied
        dispute = _dispute(dispute_id)
        asked, back = question(dispute, database_now()), page_of(dispute)
        form = ReasonForm(asked, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if asked.why_not or not reason:
            return ask(request, self.admin_site, asked, form, dispute, back)
        try:
            messages.success(request, ask_gateway(dispute, user, reason))
        except RefusedError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(back)


def _dispute(dispute_id: str) -> Dispute:
    rows = Dispute.objects.select_related("payment__order", "payment__client", "charge")
    dispute = rows.filter(pk=dispute_id).first() if is_id(dispute_id, "dp") else None
    if dispute is None:
        raise Http404("There is no such dispute.")
    return dispute
