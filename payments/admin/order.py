"""Orders in the console, with the payments that were tried for them."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.models import Client, Order
from payments.money import Money


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    list_display = ("reference", "client", "amount_exact", "customer_email", "customer_reference", "created")
    fields = (
        *("id", "reference", "client", "amount_exact", "payments"),
        *("customer_reference", "customer_name", "customer_email", "bought", "created"),
    )
    list_select_related = ("client",)
    exact_search = ("pk", "customer_email")
    search_help_text = "Order reference or e-mail"

    @admin.display(description="amount")
    def amount_exact(self, order: Order) -> str:
        return str(Money(order.amount, order.currency))

    @admin.display(description="payments")
    def payments(self, order: Order) -> SafeString:
        tried = order.payments.order_by("pk").values_list("pk", flat=True)[:50]
        return format_html_join(", ", "{}", ((payment_link(payment_id),) for payment_id in tried))

    @admin.display(description="what was bought")
    def bought(self, order: Order) -> SafeString | str:
        """Show the shop's own lines, one each."""
        rows = [(line.get("quantity", ""), line.get("name", "")) for line in order.lines if isinstance(line, dict)]
        return format_html_join(mark_safe("<br>"), "{} × {}", rows) or "The shop did not say."

    @admin.display(description="created")
    def created(self, order: Order) -> str:
        return utc(order.created_at)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Clients are few. Naming them all lets the unique index be used, which begins with the client.
        clients = list(Client.objects.values_list("pk", flat=True))
        return queryset.filter(Q(pk=term) | Q(customer_email=term) | Q(client__in=clients, reference=term)), False
