"""Charges that no payment may keep, in the console: what was taken without right and when it was given back (C4)."""

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.admin.overview.queues import TO_RETURN
from payments.clock import database_now
from payments.models import SurplusCharge
from payments.money import Money
from payments.states import SurplusState

_QUEUE: Final = TO_RETURN.slug


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
        *("message", "next_try", "found", "returned"),
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

    @admin.display(description="given back")
    def returned(self, charge: SurplusCharge) -> str:
        return utc(charge.returned_at)
