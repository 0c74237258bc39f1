"""The pages of the gateways and their circuit breakers: shown to all who may see, held by hand through services."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from payments.admin.base import ReadOnlyAdmin
from payments.admin.circuit.acts import ACTS
from payments.admin.circuit.page import circuit_of, in_use, known_gateways, page
from payments.admin.confirm import Question, ReasonForm, ask, operator_of, reason_given
from payments.admin.overview.gateways import gateway_rows
from payments.admin.overview.ladder import level_now
from payments.clock import database_now
from payments.models import Circuit
from payments.services.circuits import CannotChangeCircuitError

MAY_HOLD: Final = "payments.change_circuit"


@admin.register(Circuit)
class CircuitAdmin(ReadOnlyAdmin):
    """A gateway has a page whether or not its breakers have rows, which begin with their first failure."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("gateway/<str:gateway>/", view(self.gateway), name="payments_circuit_gateway"),
            path("gateway/<str:gateway>/<slug:operation>/<slug:slug>/", view(self.act), name="payments_circuit_do"),
            *super().get_urls(),
        ]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show all gateways with their breakers."""
        self._only_look(request)
        now = database_now()
        gateways, _ = gateway_rows(now)
        level = level_now([breaker for gateway in gateways for breaker in gateway.breakers])
        context = {"title": "Gateways", "gateways": gateways, "level": level, "now": now}
        return self._page(request, "admin/console/gateways.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Lead to the page of the circuit's gateway."""
        self._only_look(request)
        circuit = self.get_object(request, object_id)
        if circuit is None:
            raise Http404("There is no such circuit.")
        return HttpResponseRedirect(reverse("admin:payments_circuit_gateway", args=[circuit.gateway]))

    def gateway(self, request: HttpRequest, gateway: str) -> HttpResponse:
        """Show one gateway."""
        self._only_look(request)
        if gateway not in known_gateways():
            raise Http404("There is no such gateway.")
        may_act = operator_of(request).has_perm(MAY_HOLD)
        context = {"title": f"Gateway {gateway}", **page(gateway, may_act=may_act)}
        return self._page(request, "admin/console/gateway.html", context)

    def act(self, request: HttpRequest, gateway: str, operation: str, slug: str) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, hold or release the breaker."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_HOLD):
            raise PermissionDenied
        if slug not in ACTS or operation not in Circuit.Operation.values or gateway not in in_use():
            raise Http404("There is no such breaker.")
        act, circuit = ACTS[slug], circuit_of(gateway, operation)
        question = Question(
            title=f"{act.label}: {circuit.get_operation_display().lower()} at {gateway}?",
            will=act.will(circuit),
            button=act.label,
            why_not=act.why_not(circuit),
            is_dangerous=act.is_dangerous,
            help="Goes into the history of the breaker with your name.",
        )
        back = reverse("admin:payments_circuit_gateway", args=[gateway])
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if question.why_not or not reason:
            return ask(request, self.admin_site, question, form, circuit, back)
        try:
            act.act(gateway, operation, user.get_username(), reason)
        except CannotChangeCircuitError:
            messages.error(request, "Somebody else changed the breaker meanwhile. Nothing was changed.")
        else:
            messages.success(request, act.done)
        return HttpResponseRedirect(back)

    def _only_look(self, request: HttpRequest) -> None:
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        return TemplateResponse(
            request, template, {**self.admin_site.each_context(request), "opts": self.opts, **context}
        )
