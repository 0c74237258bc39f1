"""The books in the console."""

from django.contrib import admin
from django.utils.safestring import SafeString

from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.models import LedgerPosting
from payments.money import Money


@admin.register(LedgerPosting)
class LedgerPostingAdmin(ReadOnlyAdmin):
    list_display = ("time", "of_payment", "gateway", "debit", "credit", "amount_exact")
    fields = ("time", "of_payment", "entity_id", "gateway", "debit", "credit", "amount_exact")
    exact_search = ("payment_id", "entity_id")
    search_help_text = "Payment or attempt id"

    @admin.display(description="time")
    def time(self, posting: LedgerPosting) -> str:
        return utc(posting.at)

    @admin.display(description="payment")
    def of_payment(self, posting: LedgerPosting) -> SafeString:
        return payment_link(posting.payment_id)

    @admin.display(description="amount")
    def amount_exact(self, posting: LedgerPosting) -> str:
        return str(Money(posting.amount, posting.currency))
