"""API keys in the console: issued once, shown once, revoked, never edited (requirement G6)."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from payments.admin import labels
from payments.admin.base import ConsoleAdmin, page_of
from payments.admin.confirm import Question, ReasonForm, ask, operator_of, reason_given
from payments.admin.formats import utc
from payments.admin.free_text import FreeTextField
from payments.models import SCOPES, ApiKey, Client

MAY_REVOKE: Final = "payments.change_apikey"


class IssueForm(forms.Form):
    """What a new key is for. Its mode is this installation's: keys of the other mode are refused anyway."""

    client = forms.ModelChoiceField(Client.objects.order_by("slug"), widget=UnfoldAdminSelectWidget())
    label = FreeTextField(
        max_length=100, required=False, help_text="Where it is used.", widget=UnfoldAdminTextInputWidget()
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES],
        help_text="What it may do.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ConsoleAdmin):
    list_display = ("hint", "client", "label", "mode", "allowed", "standing", "created")
    fields = ("hint", "client", "label", "mode", "allowed", "standing", "created", "revoked")
    list_select_related = ("client",)
    list_filter = ("client",)
    ordering = ("-pk",)
    actions = None
    compressed_fields = True
    change_form_outer_before_template = "admin/console/revoke.html"

    @labels.coloured("standing", {"in use": "success", "revoked": "default"})
    def standing(self, key: ApiKey) -> str:
        return "revoked" if key.revoked_at else "in use"

    @admin.display(description="scopes")
    def allowed(self, key: ApiKey) -> str:
        return ", ".join(key.scopes) or "none"

    @admin.display(description="created")
    def created(self, key: ApiKey) -> str:
        return utc(key.created_at)

    @admin.display(description="revoked")
    def revoked(self, key: ApiKey) -> str:
        return utc(key.revoked_at)

    def has_change_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        return False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Issue a key and show it, this once: nothing stores the page, and a redirect would have to carry the key."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = IssueForm(request.POST if request.method == "POST" else None)
        context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "New API key", "form": form}
        if request.method != "POST" or not form.is_valid():
            return TemplateResponse(request, "admin/console/issue_key.html", context)
        with transaction.atomic():
            mode = ApiKey.Mode.TEST if settings.DEMO else ApiKey.Mode.LIVE
            key, whole_key = ApiKey.issue(**form.cleaned_data, mode=mode)
            _note(request, key, ADDITION, f"Issued with {', '.join(key.scopes)}")
        response = TemplateResponse(
            request, "admin/console/new_key.html", {**context, "key": key, "whole_key": whole_key}
        )
        response["Cache-Control"] = "no-store"
        return response

    def get_urls(self) -> list[URLPattern]:
        revoke = path("<int:key_id>/revoke/", self.admin_site.admin_view(self.revoke), name="payments_apikey_revoke")
        return [revoke, *super().get_urls()]

    def revoke(self, request: HttpRequest, key_id: int) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, revoke the key."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_REVOKE):
            raise PermissionDenied
        key = ApiKey.objects.filter(pk=key_id).first()
        if key is None:
            raise Http404("There is no such key.")
        question = Question(
            title="Revoke API key?",
            will="Every call with this key is refused within seconds. The client needs another key to go on. This "
            "cannot be undone.",
            button="Revoke key",
            why_not="It is revoked already." if key.revoked_at else "",
            is_dangerous=True,
            help="Goes into the key's history with your name.",
        )
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if not reason:
            return ask(request, self.admin_site, question, form, key, page_of(key))
        if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=Now()):
            _note(request, key, CHANGE, f"Revoked: {reason}")
            messages.success(request, "The key is revoked.")
        else:
            messages.error(request, "The key was revoked before. Nothing was changed.")
        return HttpResponseRedirect(page_of(key))


def _note(request: HttpRequest, key: ApiKey, flag: int, message: str) -> None:
    """Write the key's history, which the console shows under "History"."""
    LogEntry.objects.log_actions(operator_of(request).pk, [key], flag, message, single_object=True)
