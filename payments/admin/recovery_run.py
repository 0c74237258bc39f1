"""Recovery in the console: what its runs did, and running it now (requirement C2)."""

from typing import Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from payments.admin import sentences
from payments.admin.base import ReadOnlyAdmin, page_of
from payments.admin.confirm import because_of, operator_of
from payments.admin.formats import utc
from payments.models import RecoveryRun
from payments.services.recover import recover

MAY_RUN: Final = "payments.change_payment"


@admin.register(RecoveryRun)
class RecoveryRunAdmin(ReadOnlyAdmin):
    list_display = ("started", "trigger_in_words", "who", "whose", "found_in_words", "repaired_in_words", "finished")
    fields = list_display
    list_filter = ("trigger",)
    list_select_related = ("client",)
    list_before_template = "admin/console/run_recovery.html"

    @admin.display(description="started")
    def started(self, run: RecoveryRun) -> str:
        return utc(run.started_at)

    @admin.display(description="trigger")
    def trigger_in_words(self, run: RecoveryRun) -> str:
        return run.get_trigger_display()

    @admin.display(description="who")
    def who(self, run: RecoveryRun) -> str:
        return sentences.who(run.actor, run.client.name if run.client else "")

    @admin.display(description="whose payments")
    def whose(self, run: RecoveryRun) -> str:
        return run.client.name if run.client else "all"

    @admin.display(description="found")
    def found_in_words(self, run: RecoveryRun) -> str:
        return sentences.of_found(run.found) if run.finished_at else "—"

    @admin.display(description="put right")
    def repaired_in_words(self, run: RecoveryRun) -> str:
        return sentences.of_repaired(run.repaired) if run.finished_at else "—"

    @admin.display(description="finished")
    def finished(self, run: RecoveryRun) -> str:
        return utc(run.finished_at)

    def get_urls(self) -> list[URLPattern]:
        run = path("run/", self.admin_site.admin_view(self.run), name="payments_recoveryrun_run")
        return [run, *super().get_urls()]

    def run(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation; on POST, run recovery over all payments and show what it did."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_RUN):
            raise PermissionDenied
        if request.method != "POST":
            context = {**self.admin_site.each_context(request), "opts": self.opts, "title": "Run recovery now?"}
            return TemplateResponse(request, "admin/console/recover.html", context)
        run = recover(RecoveryRun.Trigger.CONSOLE, because_of(user, "recover"))
        found, repaired = sentences.of_found(run.found), sentences.of_repaired(run.repaired)
        messages.success(request, f"Recovery ran. Found: {found}. Put right: {repaired}.")
        return HttpResponseRedirect(page_of(run))
