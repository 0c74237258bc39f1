"""Decline codes that nobody mapped, in the console: how often each came, and the way to map it (requirement B5)."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from payments.admin.base import ReadOnlyAdmin
from payments.admin.decline_rule import MAY_CHANGE
from payments.admin.formats import utc
from payments.models import DeclineRule, UnmappedDecline
from payments.services.decline_rules import MOST_UNMAPPED, OTHER


@admin.register(UnmappedDecline)
class UnmappedDeclineAdmin(ReadOnlyAdmin):
    list_display = ("code_in_words", "gateway", "count", "first_seen", "last_seen")
    fields = ("code_in_words", "gateway", "count", "first_seen", "last_seen")
    list_before_template = "admin/console/unmapped_declines.html"
    # At most some hundred rows per gateway: they may be sorted.
    ordering = ("-count", "-pk")
    exact_search = ("code",)
    search_help_text = "Decline code"
    nothing = "No gateway declined with a code that has no rule."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # A process may have counted a code in the seconds before it knew of the new rule.
        rules = DeclineRule.objects.filter(Q(gateway="") | Q(gateway=OuterRef("gateway")), code=OuterRef("code"))
        return super().get_queryset(request).filter(~Exists(rules))

    def get_list_display(self, request: HttpRequest) -> Any:
        return (*self.list_display, "map_it") if request.user.has_perm(MAY_CHANGE) else self.list_display

    @admin.display(description="code")
    def code_in_words(self, row: UnmappedDecline) -> str:
        return f"others, beyond {MOST_UNMAPPED} codes" if row.code == OTHER else row.code

    @admin.display(description="first seen")
    def first_seen(self, row: UnmappedDecline) -> str:
        return utc(row.first_seen_at)

    @admin.display(description="last seen")
    def last_seen(self, row: UnmappedDecline) -> str:
        return utc(row.last_seen_at)

    @admin.display(description="")
    def map_it(self, row: UnmappedDecline) -> SafeString | str:
        if row.code == OTHER:
            return ""
        query = urlencode({"gateway": row.gateway, "code": row.code})
        url = f"{reverse('admin:payments_declinerule_add')}?{query}"
        return format_html('<a class="console-button console-button-primary" href="{}">Map this code</a>', url)
