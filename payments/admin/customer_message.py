"""Messages to customers in the console: what was written, when it was sent, and why not (requirements F3, G7)."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.models import CustomerMessage


class StandingFilter(admin.SimpleListFilter):
    """Whether the message is out."""

    title = "standing"
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("waiting", "to be sent"), ("sent", "sent"), ("not_sent", "not sent")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "waiting":
            return queryset.filter(due_at__isnull=False)
        if self.value() == "sent":
            return queryset.filter(sent_at__isnull=False)
        return queryset.filter(due_at__isnull=True, sent_at__isnull=True) if self.value() == "not_sent" else queryset


@admin.register(CustomerMessage)
class CustomerMessageAdmin(ReadOnlyAdmin):
    list_display = (
        *("kind_in_words", "channel", "of_payment", "address", "standing"),
        *("tries", "trouble", "written", "sent"),
    )
    fields = (
        *("kind_in_words", "channel", "of_payment", "occurrence", "address", "standing"),
        *("tries", "trouble", "written", "next_try", "sent"),
    )
    list_filter = (StandingFilter, "kind", "channel")
    exact_search = ("payment_id",)
    search_help_text = "Payment id"

    @admin.display(description="message")
    def kind_in_words(self, message: CustomerMessage) -> str:
        return message.get_kind_display()

    @admin.display(description="payment")
    def of_payment(self, message: CustomerMessage) -> SafeString:
        return payment_link(message.payment_id)

    @labels.coloured("standing", {"sent": "success", "to be sent": "info", "not sent": "warning"})
    def standing(self, message: CustomerMessage) -> str:
        if message.sent_at:
            return "sent"
        return "to be sent" if message.due_at else "not sent"

    @admin.display(description="written")
    def written(self, message: CustomerMessage) -> str:
        return utc(message.written_at)

    @admin.display(description="next try")
    def next_try(self, message: CustomerMessage) -> str:
        return utc(message.due_at)

    @admin.display(description="sent")
    def sent(self, message: CustomerMessage) -> str:
        return utc(message.sent_at)
