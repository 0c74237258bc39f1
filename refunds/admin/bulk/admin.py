"""The pages of bulk refunds: the list of lists, the form of a new one, the page of each, and its result as a file."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of
from payments.admin.confirm import Question, ReasonForm, ask, because_of, operator_of, reason_given
from payments.admin.formats import utc
from payments.ids import is_id
from refunds.admin.bulk.acts import ACTS, Act, Doing
from refunds.admin.bulk.forms import ListForm
from refunds.admin.bulk.new import new_list_page
from refunds.admin.bulk.page import COLOURS, page
from refunds.admin.bulk.queue import QueueFilter
from refunds.admin.bulk.result import result_file
from refunds.admin.bulk.rows import new_list
from refunds.admin.may import MAY_REQUEST
from refunds.models import BulkRefund
from refunds.services.bulk.acts import BulkRefusedError
from refunds.services.bulk.check import check


@admin.register(BulkRefund)
class BulkRefundAdmin(ReadOnlyAdmin):
    list_display = ("name", "standing", "reason", "requested_by", "made", "started", "ended")
    list_filter = (QueueFilter, "state")
    exact_search = ("pk",)
    search_help_text = "Id of a bulk refund"
    nothing = "There has been no bulk refund yet. Add one with a CSV file: it is only checked at first."

    @labels.coloured("state", COLOURS)
    def standing(self, bulk: BulkRefund) -> tuple[str, str]:
        return bulk.state, bulk.get_state_display()

    @admin.display(description="checked (UTC)")
    def made(self, bulk: BulkRefund) -> str:
        return utc(bulk.created_at).removesuffix(" UTC")

    @admin.display(description="started (UTC)")
    def started(self, bulk: BulkRefund) -> str:
        return utc(bulk.started_at).removesuffix(" UTC")

    @admin.display(description="ended (UTC)")
    def ended(self, bulk: BulkRefund) -> str:
        return utc(bulk.finished_at).removesuffix(" UTC")

    def has_add_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return operator_of(request).has_perm(MAY_REQUEST)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<str:bulk_id>/do/<slug:slug>/", view(self.act), name="refunds_bulkrefund_do"),
            path("<str:bulk_id>/result.csv", view(self.result), name="refunds_bulkrefund_result"),
            *super().get_urls(),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take a list in and check it. By GET it can be filled in: `?payments=…`, or what failed of `?again=…`."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not self.has_add_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return new_list_page(request, self.admin_site, ListForm(pasted=_filled_in(request)))
        form = ListForm(request.POST, request.FILES)
        if not form.is_valid():
            return new_list_page(request, self.admin_site, form)
        bulk = check(form.listed(), because_of(user, "bulk"))
        if not LogEntry.objects.filter(object_id=bulk.pk).exists():
            _note(request, bulk, ADDITION, f"Dry run of {len(form.lines):,} rows")
        return HttpResponseRedirect(page_of(bulk))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        bulk = _bulk(unquote(object_id))
        context = {
            **self.admin_site.each_context(request),
            **page(bulk, operator_of(request), request.GET.get("show", ""), request.GET.get("page", "")),
            "title": f"Bulk refund {bulk}",
            "opts": self.opts,
            "original": bulk,
            "inline_admin_formsets": [],
            "may_add": self.has_add_permission(request),
        }
        return TemplateResponse(request, "admin/console/bulk_refund.html", context)

    def result(self, request: HttpRequest, bulk_id: str) -> StreamingHttpResponse:
        """Return all rows as a file."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        return result_file(_bulk(bulk_id))

    def act(self, request: HttpRequest, bulk_id: str, slug: str) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, act. `?seen=` carries the hash of what the page showed."""
        user, act, bulk = operator_of(request), ACTS.get(slug), _bulk(bulk_id)
        if act is None:
            raise Http404
        if not self.has_view_permission(request) or not user.has_perm(act.permission):
            raise PermissionDenied
        seen = request.GET.get("seen", "")
        question = Question(
            title=f"{act.label}?",
            will=act.will(bulk, user),
            button=act.label,
            why_not=_why_not(act, bulk) or act.why_not(bulk, user),
            is_dangerous=act.is_dangerous,
            help="Goes into the history of the list with your name.",
        )
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if not reason:
            return ask(request, self.admin_site, question, form, bulk, page_of(bulk))
        try:
            # The service has the last word: a start that is pressed twice is one.
            words = act.act(Doing(bulk, user, seen, reason))
        except BulkRefusedError as error:
            messages.error(request, f"{error} Nothing was changed.")
        else:
            _note(request, bulk, CHANGE, f"{act.label}: {reason}")
            messages.success(request, words)
        return HttpResponseRedirect(page_of(bulk))


def _why_not(act: Act, bulk: BulkRefund) -> str:
    return "" if bulk.state in act.states else f"The list is now: {bulk.get_state_display().lower()}."


def _filled_in(request: HttpRequest) -> str:
    if "again" in request.GET:
        return new_list(_bulk(request.GET["again"]))
    return request.GET.get("payments", "").replace(",", "\n")


def _bulk(bulk_id: str) -> BulkRefund:
    bulk = BulkRefund.objects.filter(pk=bulk_id).first() if is_id(bulk_id, "blk") else None
    if bulk is None:
        raise Http404("There is no such bulk refund.")
    return bulk


def _note(request: HttpRequest, bulk: BulkRefund, flag: int, message: str) -> None:
    """Write the history of the list, which its page shows."""
    LogEntry.objects.log_actions(operator_of(request).pk, [bulk], flag, message, single_object=True)
