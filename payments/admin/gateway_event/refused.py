"""What was refused because nobody we know had signed it: a count per gateway and reason, and nothing else (E1)."""

from typing import Final

from django.contrib import admin

from payments.admin.base import ReadOnlyAdmin
from payments.admin.formats import utc
from payments.models import RefusedWebhook

_WORDS: Final = {
    "not_configured": "we have no secret to check it with (docs/settings.md)",
    "missing_header": "a header of the signature was missing",
    "header_too_long": "a header of the signature was far too long",
    "bad_event_id": "its id is none",
    "bad_timestamp": "its time is none",
    "too_old": "it was signed more than five minutes ago, or our clock is wrong",
    "too_new": "it was signed for later, or our clock is wrong",
    "bad_body": "its body is no text",
    "bad_signature": "the signature is not the gateway's: forged, changed on its way, or the secret is another",
    "body_too_large": "its body was too large",
}


@admin.register(RefusedWebhook)
class RefusedWebhookAdmin(ReadOnlyAdmin):
    list_display = ("gateway", "why", "count", "last")
    fields = list_display
    nothing = "No event was refused."

    @admin.display(description="why")
    def why(self, refused: RefusedWebhook) -> str:
        words = _WORDS.get(refused.reason)
        return f"{words} ({refused.reason})" if words else refused.reason

    @admin.display(description="last")
    def last(self, refused: RefusedWebhook) -> str:
        return utc(refused.last_at)
