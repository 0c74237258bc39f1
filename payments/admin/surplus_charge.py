"""Charges that no payment may keep, in the console: what was taken without right and when it was given back (C4)."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of, payment_link
from payments.admin.confirm import Question, ReasonForm, ask, because_of, operator_of, reason_given
from payments.admin.formats import utc
from payments.admin.overview.queues import TO_RETURN
from payments.clock import database_now
from payments.ids import is_id
from payments.models import SurplusCharge
from payments.money import Money
from payments.services.give_back import NotRefusedError, record_return
from payments.states import SurplusState

_QUEUE: Final = TO_RETURN.slug
MAY_RECORD: Final = "payments.change_surpluscharge"
_WHY_NOT: Final = {
    SurplusState.OWED: "The machine is giving it back at this moment.",
    SurplusState.RETURNED: "It is given back already.",
}


class StandingFilter(admin.SimpleListFilter):
    """Whether the customer has the money again."""

    title = "standing"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(_QUEUE, "to be given back"), (SurplusState.RETURNED, "given back")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == _QUEUE:
            return queryset & TO_RETURN.rows(database_now())
        return queryset.filter(state=SurplusState.RETURNED) if self.value() == SurplusState.RETURNED else queryset


@admin.register(SurplusCharge)
class SurplusChargeAdmin(ReadOnlyAdmin):
    list_display = (
        *("gateway_reference", "of_payment", "gateway", "amount_exact", "standing", "reason_in_words"),
        *("tries", "found", "returned"),
    )
    fields = (
        *("of_payment", "gateway", "gateway_reference", "amount_exact", "reason_in_words", "standing", "tries"),
        *("message", "next_try", "found", "returned", "by_hand"),
    )
    list_filter = (StandingFilter, "state", "reason")
    exact_search = ("pk", "payment_id", "gateway_reference")
    search_help_text = "Payment or charge id"

    @admin.display(description="payment")
    def of_payment(self, charge: SurplusCharge) -> SafeString:
        return payment_link(charge.payment_id)

    @admin.display(description="amount")
    def amount_exact(self, charge: SurplusCharge) -> str:
        return str(Money(charge.amount, charge.currency))

    @labels.coloured("state", labels.SURPLUS)
    def standing(self, charge: SurplusCharge) -> tuple[str, str]:
        return charge.state, str(SurplusState(charge.state).label)

    @admin.display(description="reason")
    def reason_in_words(self, charge: SurplusCharge) -> str:
        return charge.get_reason_display()

    @admin.display(description="next try")
    def next_try(self, charge: SurplusCharge) -> str:
        return utc(charge.due_at)

    @admin.display(description="found")
    def found(self, charge: SurplusCharge) -> str:
        return utc(charge.found_at)

    @admin.display(description="by hand")
    def by_hand(self, charge: SurplusCharge) -> str:
        if charge.state != SurplusState.REFUSED:
            return ""
        url = reverse("admin:payments_surpluscharge_given_back", args=[charge.pk])
        return format_html('<a class="console-button" href="{}">Record that it was given back…</a>', url)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.given_back)
        return [
            path("<str:surplus_id>/given-back/", view, name="payments_surpluscharge_given_back"),
            *super().get_urls(),
        ]

    def given_back(self, request: HttpRequest, surplus_id: str) -> HttpResponse:
        """Ask how it was given back; on POST with an answer, note that it was."""
        user = operator_of(request)
        if not user.has_perm(MAY_RECORD):
            raise PermissionDenied
        charge = SurplusCharge.objects.filter(pk=surplus_id).first() if is_id(surplus_id, "sur") else None
        if charge is None:
            raise Http404("There is no such charge.")
        amount = Money(charge.amount, charge.currency)
        question = Question(
            title="Record that it was given back?",
            will=f"The charge {charge.gateway_reference} of {amount} counts as given back, in the books and for the "
            f"customer. Nothing is sent to the gateway: give it back there first.",
            button="It was given back",
            why_not="" if charge.state == SurplusState.REFUSED else _WHY_NOT[SurplusState(charge.state)],
            label="How and when was it given back?",
        )
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if not reason:
            return ask(request, self.admin_site, question, form, charge, page_of(charge))
        try:
            record_return(charge.pk, because_of(user, "given-back"), reason)
        except NotRefusedError:
            messages.error(request, "The gateway gives it back by itself, or it is given back. Nothing was changed.")
        else:
            messages.success(request, "The charge counts as given back.")
        return HttpResponseRedirect(page_of(charge))

    @admin.display(description="given back")
    def returned(self, charge: SurplusCharge) -> str:
        return utc(charge.returned_at)
