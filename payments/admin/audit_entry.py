"""The audit trail of all payments in the console (requirement G1)."""

from django.contrib import admin
from django.utils.safestring import SafeString

from payments.admin import sentences
from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("time", "of_payment", "what", "who", "cause", "why")
    fields = (*("time", "of_payment", "entity_id", "what", "action", "who", "cause", "before", "after", "why", "data"),)
    exact_search = ("payment_id",)
    search_help_text = "Payment id"

    @admin.display(description="time")
    def time(self, entry: AuditEntry) -> str:
        return utc(entry.at)

    @admin.display(description="payment")
    def of_payment(self, entry: AuditEntry) -> SafeString:
        return payment_link(entry.payment_id)

    @admin.display(description="what")
    def what(self, entry: AuditEntry) -> str:
        return sentences.of_entry(entry)

    @admin.display(description="who")
    def who(self, entry: AuditEntry) -> str:
        return sentences.who(entry.actor)

    @admin.display(description="why")
    def why(self, entry: AuditEntry) -> str:
        return sentences.why(entry) or "—"
