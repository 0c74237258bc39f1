"""Idempotency keys in the console: what was promised to which client (requirements A4–A6)."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.models import Client, IdempotencyRecord


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(ReadOnlyAdmin):
    list_display = ("key", "client", "of_payment", "status_code", "created", "expires")
    fields = ("key", "client", "operation", "of_payment", "request_hash", "status_code", "created", "expires")
    list_select_related = ("client",)
    exact_search = ("key",)
    search_help_text = "Idempotency key"

    @admin.display(description="payment")
    def of_payment(self, record: IdempotencyRecord) -> SafeString:
        return payment_link(record.payment_id)

    @admin.display(description="created")
    def created(self, record: IdempotencyRecord) -> str:
        return utc(record.created_at)

    @admin.display(description="expires")
    def expires(self, record: IdempotencyRecord) -> str:
        return utc(record.expires_at)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        # The unique index begins with client and operation.
        clients = list(Client.objects.values_list("pk", flat=True))
        return (found.filter(client__in=clients, operation="process") if search_term else found), may_repeat
