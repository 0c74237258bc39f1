"""Attempts in the console: what was sent to gateways."""

from django.contrib import admin
from django.utils.safestring import SafeString

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, payment_link
from payments.admin.formats import utc
from payments.models import Attempt
from payments.money import Money
from payments.states import AttemptState


@admin.register(Attempt)
class AttemptAdmin(ReadOnlyAdmin):
    list_display = ("gateway_key", "of_payment", "gateway", "amount_exact", "outcome", "gateway_reference", "sent")
    # Without the token, which is nobody's business here.
    fields = (
        *("of_payment", "kind", "number", "gateway", "gateway_key", "amount_exact", "outcome", "gateway_reference"),
        *("reason", "decline_code", "message", "http_status", "looks", "sent", "finished"),
    )
    exact_search = ("pk", "payment_id", "gateway_key", "gateway_reference")
    search_help_text = "Attempt, payment, key or charge id"

    @admin.display(description="payment")
    def of_payment(self, attempt: Attempt) -> SafeString:
        return payment_link(attempt.payment_id)

    @admin.display(description="amount")
    def amount_exact(self, attempt: Attempt) -> str:
        return str(Money(attempt.amount, attempt.currency))

    @labels.coloured("outcome", labels.ATTEMPT)
    def outcome(self, attempt: Attempt) -> tuple[str, str]:
        return attempt.state, str(AttemptState(attempt.state).label)

    @admin.display(description="sent")
    def sent(self, attempt: Attempt) -> str:
        return utc(attempt.sent_at)

    @admin.display(description="finished")
    def finished(self, attempt: Attempt) -> str:
        return utc(attempt.finished_at)
