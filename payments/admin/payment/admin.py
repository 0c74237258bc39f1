"""The payment list and page. Money is never edited here: what can be done goes through services (G1, G4)."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of
from payments.admin.confirm import Question, ReasonForm, RefusedError, ask, because_of, operator_of, reason_given
from payments.admin.payment.actions import ACTIONS
from payments.admin.payment.filters import CreatedFilter, CurrencyFilter, GatewayFilter, LevelFilter, QueueFilter
from payments.admin.payment.page import MAY_ACT, page
from payments.admin.payment.search import find
from payments.ids import is_id
from payments.models import Payment


@admin.register(Payment)
class PaymentAdmin(ReadOnlyAdmin):
    list_display = ("id", "order_reference", "customer", "amount_exact", "state", "level", "gateway", "created")
    list_filter = (QueueFilter, "status", "outcome_unknown", LevelFilter, CurrencyFilter, GatewayFilter, CreatedFilter)
    list_select_related = ("order",)
    exact_search = ("pk",)
    search_help_text = "Payment, order, charge id, key or e-mail"

    @admin.display(description="order")
    def order_reference(self, payment: Payment) -> str:
        return payment.order.reference

    @admin.display(description="customer")
    def customer(self, payment: Payment) -> str:
        return payment.order.customer_email or payment.order.customer_reference or "—"

    @admin.display(description="amount")
    def amount_exact(self, payment: Payment) -> str:
        return str(payment.money)

    @labels.coloured("status", labels.PAYMENT)
    def state(self, payment: Payment) -> tuple[str, str]:
        return labels.of_payment(payment)

    @admin.display(description="created (UTC)")
    def created(self, payment: Payment) -> str:
        return f"{payment.created_at:%Y-%m-%d %H:%M:%S}"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=find(term)) if term else queryset), False

    def get_urls(self) -> list[URLPattern]:
        act = path("<str:payment_id>/do/<slug:slug>/", self.admin_site.admin_view(self.act), name="payments_payment_do")
        return [act, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the payment's page. It has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        payment = self._payment(object_id)
        context = {
            **self.admin_site.each_context(request),
            **page(payment, operator_of(request)),
            "title": str(payment.money),
            "opts": self.opts,
            "original": payment,
            "inline_admin_formsets": [],
        }
        return TemplateResponse(request, "admin/console/payment.html", context)

    def act(self, request: HttpRequest, payment_id: str, slug: str) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, act."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_ACT):
            raise PermissionDenied
        action = ACTIONS.get(slug)
        if action is None:
            raise Http404
        payment = self._payment(payment_id)
        question = Question(
            title=f"{action.label}?",
            will=action.will(payment),
            button=action.label,
            why_not=action.why_not(payment, list(payment.attempts.order_by("number"))),
            is_dangerous=action.is_dangerous,
        )
        back = page_of(payment)
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if not reason:
            return ask(request, self.admin_site, question, form, payment, back)
        try:
            done = action.act(payment.pk, because_of(user, slug), reason)
        except RefusedError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(back)
        messages.success(request, done.words)
        return HttpResponseRedirect(page_of(done.payment or payment))

    def _payment(self, object_id: str) -> Payment:
        """Return the payment; the admin's own links escape the `_` of its id."""
        payment_id = unquote(object_id)
        if not is_id(payment_id, "pay"):
            raise Http404("There is no such payment.")
        try:
            return Payment.objects.select_related("order", "client").get(pk=payment_id)
        except Payment.DoesNotExist:
            raise Http404("There is no such payment.") from None
