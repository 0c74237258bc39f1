"""Alerts to the team in the console: what was told, to whom, and why not (requirement G7)."""

from django.contrib import admin

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin
from payments.admin.customer_message import StandingFilter
from payments.admin.formats import utc
from payments.models import Notice


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    list_display = ("subject", "severity_in_words", "channel", "recipient", "standing", "tries", "trouble", "written")
    fields = (
        *("subject", "severity_in_words", "kind", "text", "path", "channel", "recipient", "standing"),
        *("tries", "trouble", "written", "next_try", "sent"),
    )
    list_filter = (StandingFilter, "severity", "channel")
    exact_search = ("kind",)
    search_help_text = "Kind, as breaker_opened"

    @labels.coloured("severity", {"Critical": "danger", "Warning": "warning", "Information": "info"})
    def severity_in_words(self, notice: Notice) -> str:
        return notice.get_severity_display()

    @admin.display(description="recipient")
    def recipient(self, notice: Notice) -> str:
        return notice.address or "the team"

    @labels.coloured("standing", {"sent": "success", "to be sent": "info", "not sent": "warning"})
    def standing(self, notice: Notice) -> str:
        if notice.sent_at:
            return "sent"
        return "to be sent" if notice.due_at else "not sent"

    @admin.display(description="written")
    def written(self, notice: Notice) -> str:
        return utc(notice.written_at)

    @admin.display(description="next try")
    def next_try(self, notice: Notice) -> str:
        return utc(notice.due_at)

    @admin.display(description="sent")
    def sent(self, notice: Notice) -> str:
        return utc(notice.sent_at)
