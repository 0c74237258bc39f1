"""The pages of webhook endpoints: shown to all who may see, changed through services, the secret shown once."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of
from payments.admin.confirm import Question, RefusedError, ask, because_of, operator_of
from payments.admin.formats import utc
from payments.admin.overview.queues import TROUBLED_ENDPOINTS
from payments.admin.webhook_endpoint.acts import ACTS, MAY_MANAGE, Act
from payments.admin.webhook_endpoint.day import last_days
from payments.admin.webhook_endpoint.forms import EndpointForm, NewEndpointForm
from payments.admin.webhook_endpoint.page import STATES, page, state_of
from payments.admin.webhook_endpoint.trouble import last_notes
from payments.clock import database_now
from payments.ids import is_id
from payments.models import WebhookEndpoint
from payments.services import endpoints


class StateFilter(admin.SimpleListFilter):
    """Whether events go there. Deleted ones are listed only when asked for."""

    title = "state"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [
            (TROUBLED_ENDPOINTS.slug, "failing, or disabled this week"),
            ("enabled", "enabled"),
            ("disabled", "disabled"),
            ("deleted", "deleted"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == TROUBLED_ENDPOINTS.slug:
            return queryset & TROUBLED_ENDPOINTS.rows(database_now())
        if self.value() == "deleted":
            return queryset.filter(deleted_at__isnull=False)
        found = queryset.filter(deleted_at__isnull=True)
        return found.filter(is_enabled=self.value() == "enabled") if self.value() in {"enabled", "disabled"} else found


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(ReadOnlyAdmin):
    list_display = ("url", "client", "standing", "chosen", "failing", "last_trouble", "of_last_day", "description")
    list_filter = (StateFilter, "client")
    list_select_related = ("client",)
    exact_search = ("pk", "url")
    search_help_text = "Endpoint id or whole URL"
    nothing = "No shop has an endpoint for events yet. Shops make their own by API, or you add one here."

    @labels.coloured("state", STATES)
    def standing(self, endpoint: WebhookEndpoint) -> str:
        return state_of(endpoint)

    @admin.display(description="event types")
    def chosen(self, endpoint: WebhookEndpoint) -> str:
        if len(endpoint.types) > 2:
            return f"{len(endpoint.types)} types"
        return ", ".join(endpoint.types) or "all"

    @admin.display(description="failing since (UTC)")
    def failing(self, endpoint: WebhookEndpoint) -> str:
        return utc(endpoint.failing_since).removesuffix(" UTC")

    @admin.display(description="last trouble")
    def last_trouble(self, endpoint: WebhookEndpoint) -> str:
        return str(getattr(endpoint, "last_note", "")) or "—"

    @admin.display(description="last 24 hours")
    def of_last_day(self, endpoint: WebhookEndpoint) -> str:
        return str(getattr(endpoint, "last_day_in_words", ""))

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """Count the last day once for the whole page of the list, and not once for every row."""
        found = super().get_changelist_instance(request)
        rows = list(found.result_list)
        days, notes = last_days(rows, database_now()), last_notes(rows)
        for endpoint in rows:
            endpoint.last_day_in_words = days[endpoint.pk]
            endpoint.last_note = notes.get(endpoint.pk, "")
        found.result_list = rows
        return found

    def has_add_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return operator_of(request).has_perm(MAY_MANAGE)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:endpoint_id>/edit/", view(self.edit), name="payments_webhookendpoint_edit"),
            path("<str:endpoint_id>/do/<slug:slug>/", view(self.act), name="payments_webhookendpoint_do"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Make an endpoint and show its secret, this once."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not self.has_add_permission(request):
            raise PermissionDenied
        form = NewEndpointForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            said = form.cleaned_data
            try:
                endpoint = endpoints.create(
                    said["client"].pk, said["url"], said["types"], said["description"], because_of(user, "add-endpoint")
                )
            except endpoints.TooManyEndpointsError:
                form.add_error("client", f"A client has at most {endpoints.MOST} endpoints.")
            except endpoints.BadUrlError as error:
                form.add_error("url", f"The URL {error.reason}")
            else:
                _note(request, endpoint, ADDITION, f"Made for {endpoint.url}")
                return self._secret(request, endpoint)
        context = {"title": "New webhook endpoint", "form": form, "button": "Make endpoint"}
        return self._page(request, "admin/console/edit_endpoint.html", context)

    def edit(self, request: HttpRequest, endpoint_id: str) -> HttpResponse:
        """Change the address, the types or the description."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_MANAGE):
            raise PermissionDenied
        endpoint = _endpoint(endpoint_id, only_kept=True)
        now = {"url": endpoint.url, "types": endpoint.types, "description": endpoint.description}
        form = EndpointForm(request.POST if request.method == "POST" else None, initial=now)
        if request.method == "POST" and form.is_valid():
            try:
                endpoints.change(endpoint, **form.cleaned_data, because=because_of(user, "change-endpoint"))
            except endpoints.BadUrlError as error:
                form.add_error("url", f"The URL {error.reason}")
            else:
                _note(request, endpoint, CHANGE, _difference(now, form.cleaned_data))
                messages.success(request, "The endpoint is changed.")
                return HttpResponseRedirect(page_of(endpoint))
        context = {"title": "Change webhook endpoint", "form": form, "button": "Save", "original": endpoint}
        return self._page(request, "admin/console/edit_endpoint.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the endpoint. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        endpoint, user = _endpoint(unquote(object_id)), operator_of(request)
        context = {
            **page(endpoint, user.get_all_permissions()),
            "title": endpoint.url,
            "original": endpoint,
            "may_edit": user.has_perm(MAY_MANAGE) and endpoint.deleted_at is None,
        }
        return self._page(request, "admin/console/endpoint.html", context)

    def act(self, request: HttpRequest, endpoint_id: str, slug: str) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, act."""
        act = ACTS.get(slug)
        if act is None:
            raise Http404
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(act.permission):
            raise PermissionDenied
        endpoint = _endpoint(endpoint_id, only_kept=True)
        question = _question(act, endpoint)
        form = act.form(question, request.POST if request.method == "POST" else None, endpoint)
        if question.why_not or request.method != "POST" or not form.is_valid():
            return ask(request, self.admin_site, question, form, endpoint, page_of(endpoint))
        try:
            words = act.act(endpoint, because_of(user, f"endpoint-{slug}"), form.cleaned_data)
        except RefusedError as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(page_of(endpoint))
        _note(request, endpoint, CHANGE, f"{act.label}: {form.cleaned_data['reason']}")
        if act.shows_secret:
            return self._secret(request, _endpoint(endpoint_id))
        messages.success(request, words)
        return HttpResponseRedirect(page_of(endpoint))

    def _secret(self, request: HttpRequest, endpoint: WebhookEndpoint) -> HttpResponse:
        """Show the secret in answer to the POST: nothing stores the page, and no redirect has to carry it."""
        context = {"title": "Webhook secret", "original": endpoint, "endpoint": endpoint}
        response = self._page(request, "admin/console/webhook_secret.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> TemplateResponse:
        base = {**self.admin_site.each_context(request), "opts": self.opts, "inline_admin_formsets": []}
        return TemplateResponse(request, template, {**base, **context})


def _endpoint(endpoint_id: str, *, only_kept: bool = False) -> WebhookEndpoint:
    rows = WebhookEndpoint.objects.select_related("client")
    endpoint = rows.filter(pk=endpoint_id).first() if is_id(endpoint_id, "we") else None
    if endpoint is None or (only_kept and endpoint.deleted_at):
        raise Http404("There is no such endpoint.")
    return endpoint


def _question(act: Act, endpoint: WebhookEndpoint) -> Question:
    return Question(
        title=f"{act.label}?",
        will=act.will,
        button=act.label,
        why_not=act.why_not(endpoint),
        is_dangerous=act.is_dangerous,
        help="Goes into the history of the endpoint with your name.",
    )


def _difference(before: dict[str, Any], after: dict[str, Any]) -> str:
    changed = [name for name in before if before[name] != after[name]]
    return "; ".join(f"{name}: {before[name]} → {after[name]}" for name in changed) or "Saved without a change"


def _note(request: HttpRequest, endpoint: WebhookEndpoint, flag: int, message: str) -> None:
    """Write the endpoint's history, which the console shows under "History"."""
    LogEntry.objects.log_actions(operator_of(request).pk, [endpoint], flag, message, single_object=True)
