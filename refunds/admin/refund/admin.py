"""The list and the page of refunds. Money is never edited here: what can be done goes through services (G1, G4)."""

from typing import Any, Final

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin import sentences
from payments.admin.base import ReadOnlyAdmin, page_of
from payments.admin.confirm import Question, RefusedError, ask, operator_of
from payments.admin.formats import utc
from payments.admin.labels import coloured
from payments.clock import database_now
from payments.ids import is_id
from payments.models import Client, Payment
from refunds.admin import labels
from refunds.admin.may import MAY_REQUEST
from refunds.admin.queues import QueueFilter
from refunds.admin.refund.acts import ACTS, Act
from refunds.admin.refund.page import page
from refunds.admin.request import ask_for_refund
from refunds.models import Refund, RefundAttempt
from refunds.states import RefundState

# Refunds that one term finds at most.
_MOST_FOUND: Final = 500


class GatewayFilter(SimpleListFilter):
    """The gateway that gives the money back."""

    title = "gateway"
    parameter_name = "gateway"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(options["name"], options["name"]) for options in settings.GATEWAYS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(gateway=self.value()) if self.value() else queryset


@admin.register(Refund)
class RefundAdmin(ReadOnlyAdmin):
    # With more columns, or with ids in full, the list is wider than a screen of 1280 pixels.
    list_display = ("short_id", "of_payment", "amount_exact", "standing", "why", "came_by", "asked_by", "created")
    list_filter = (QueueFilter, "state", "reason", "origin", GatewayFilter)
    list_select_related = ("client",)
    exact_search = ("pk", "payment_id")
    search_help_text = "Refund or payment id, the gateway's refund id, or a key"
    nothing = "Nobody has refunded anything yet. A refund is asked for on the page of its payment."

    @admin.display(description="refund")
    def short_id(self, refund: Refund) -> SafeString:
        """Show the end of the id, by which it is told from others; the whole id is its title."""
        return format_html('<span title="{}">{}</span>', refund.pk, _end_of(refund.pk))

    @admin.display(description="payment")
    def of_payment(self, refund: Refund) -> SafeString:
        id_ = refund.payment_id
        url = reverse("admin:payments_payment_change", args=[id_])
        return format_html('<a class="console-link" href="{}" title="{}">{}</a>', url, id_, _end_of(id_))

    @admin.display(description="amount")
    def amount_exact(self, refund: Refund) -> str:
        return str(refund.money)

    @coloured("state", labels.REFUND)
    def standing(self, refund: Refund) -> tuple[str, str]:
        return refund.state, str(RefundState(refund.state).label)

    @admin.display(description="reason")
    def why(self, refund: Refund) -> str:
        return refund.get_reason_display()

    @admin.display(description="by, gateway")
    def came_by(self, refund: Refund) -> str:
        external = " (external)" if refund.is_external else ""
        return f"{refund.get_origin_display()}{external}, {refund.gateway}"

    @admin.display(description="asked for by")
    def asked_by(self, refund: Refund) -> str:
        return sentences.who(refund.requested_by, refund.client.name)

    @admin.display(description="asked for (UTC)")
    def created(self, refund: Refund) -> str:
        return utc(refund.created_at).removesuffix(" UTC")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=_find(term)) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("of/<str:payment_id>/", view(self.request_refund), name="refunds_refund_request"),
            path("<str:refund_id>/do/<slug:slug>/", view(self.act), name="refunds_refund_do"),
            *super().get_urls(),
        ]

    def request_refund(self, request: HttpRequest, payment_id: str) -> HttpResponse:
        """Ask for a refund of the payment."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_REQUEST):
            raise PermissionDenied
        payments = Payment.objects.select_related("order", "client")
        payment = payments.filter(pk=payment_id).first() if is_id(payment_id, "pay") else None
        if payment is None:
            raise Http404("There is no such payment.")
        return ask_for_refund(request, self.admin_site, payment, user)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the refund. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        refund = _refund(unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            **page(refund, operator_of(request)),
            "title": f"Refund of {refund.money}",
            "opts": self.opts,
            "original": refund,
            "inline_admin_formsets": [],
        }
        return TemplateResponse(request, "admin/console/refund.html", context)

    def act(self, request: HttpRequest, refund_id: str, slug: str) -> HttpResponse:
        """Ask for confirmation; on a valid POST, act."""
        act = ACTS.get(slug)
        if act is None:
            raise Http404
        user = operator_of(request)
        if not self.has_view_permission(request) or not act.allowed(user):
            raise PermissionDenied
        refund = _refund(refund_id)
        question = _question(act, refund, act.why_not(refund, user, database_now()))
        form = act.form(question, request.POST if request.method == "POST" else None, refund)
        if question.why_not or request.method != "POST" or not form.is_valid():
            return ask(request, self.admin_site, question, form, refund, page_of(refund))
        try:
            messages.success(request, act.act(refund, user, form.cleaned_data))
        except RefusedError as error:
            messages.error(request, str(error))
        return HttpResponseRedirect(page_of(refund))


def _end_of(id_: str) -> str:
    return f"…{id_[-6:]}"


def _refund(refund_id: str) -> Refund:
    attempts = Prefetch("attempts", queryset=RefundAttempt.objects.order_by("number"))
    rows = Refund.objects.select_related("payment__order", "client", "charge").prefetch_related(attempts)
    refund = rows.filter(pk=refund_id).first() if is_id(refund_id, "rf") else None
    if refund is None:
        raise Http404("There is no such refund.")
    return refund


def _question(act: Act, refund: Refund, why_not: str) -> Question:
    return Question(
        title=f"{act.label}: refund of {refund.money}?",
        will=act.will(refund),
        button=act.label,
        why_not=why_not,
        is_dangerous=act.is_dangerous,
    )


def _find(term: str) -> set[str]:
    """Return the ids of the refunds that `term` names exactly, each by an index."""
    # Naming all clients and gateways lets the unique indexes be used, which begin with them.
    clients = list(Client.objects.values_list("pk", flat=True))
    gateways = [options["name"] for options in settings.GATEWAYS]
    known = Q(gateway__in=gateways, gateway_reference=term) & ~Q(gateway_reference="")
    keyed = Q(client__in=clients, idempotency_key=term)
    found: set[str] = set()
    for match in (Q(pk=term), Q(payment_id=term), known, keyed):
        found.update(Refund.objects.filter(match).values_list("pk", flat=True)[:_MOST_FOUND])
    return found
