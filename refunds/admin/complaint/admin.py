"""The list of complaints and what the policy made of each (requirement D4): read only."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin import sentences
from payments.admin.base import ReadOnlyAdmin, page_of, payment_link
from payments.admin.confirm import operator_of
from payments.admin.formats import utc
from payments.admin.labels import coloured
from payments.models import Client
from payments.money import Money
from refunds.admin import labels
from refunds.admin.complaint.view import take_on
from refunds.admin.may import MAY_REQUEST
from refunds.models import Complaint
from refunds.services.review_task import task_of


@admin.register(Complaint)
class ComplaintAdmin(ReadOnlyAdmin):
    list_display = ("id", "of_order", "amount_exact", "decided", "why", "asked_by", "came")
    fields = (
        *("client", "of_order", "of_payment", "amount_exact", "words", "decision", "why", "of_refund", "of_task"),
        *("asked_by", "came"),
    )
    list_filter = ("decision",)
    list_select_related = ("order", "client")
    exact_search = ("pk", "order_id")
    search_help_text = "Complaint id, order id or reference"
    nothing = "There are no complaints yet. Shops send them by API, or you take one on here."

    @admin.display(description="order")
    def of_order(self, complaint: Complaint) -> str:
        return complaint.order.reference

    @admin.display(description="payment")
    def of_payment(self, complaint: Complaint) -> SafeString | str:
        return payment_link(complaint.payment_id) if complaint.payment_id else "—"

    @admin.display(description="at stake")
    def amount_exact(self, complaint: Complaint) -> str:
        return str(Money(complaint.amount, complaint.currency))

    @coloured("decision", labels.DECISION)
    def decided(self, complaint: Complaint) -> tuple[str, str]:
        return complaint.decision, complaint.get_decision_display()

    @admin.display(description="refund")
    def of_refund(self, complaint: Complaint) -> SafeString | str:
        if complaint.refund is None:
            return "—"
        return _link(page_of(complaint.refund), complaint.refund.pk)

    @admin.display(description="task")
    def of_task(self, complaint: Complaint) -> SafeString | str:
        task = task_of(complaint)
        return _link(reverse("admin:payments_operatortask_change", args=[task]), "To the task") if task else "—"

    @admin.display(description="taken on by")
    def asked_by(self, complaint: Complaint) -> str:
        return sentences.who(complaint.requested_by, complaint.client.name)

    @admin.display(description="came")
    def came(self, complaint: Complaint) -> str:
        return utc(complaint.created_at)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found, _ = super().get_search_results(request, queryset, term)
        # Clients are few. Naming them all lets the unique index of orders be used, which begins with the client.
        clients = list(Client.objects.values_list("pk", flat=True))
        return found | queryset.filter(order__client__in=clients, order__reference=term), False

    def has_add_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return operator_of(request).has_perm(MAY_REQUEST)

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take a complaint on."""
        if not self.has_view_permission(request) or not self.has_add_permission(request):
            raise PermissionDenied
        return take_on(request, self.admin_site, operator_of(request))


def _link(url: str, text: str) -> SafeString:
    return format_html('<a class="console-link" href="{}">{}</a>', url, text)
