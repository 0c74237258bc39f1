"""Operator tasks in the console: open questions about payments, closed with what was found out (G4)."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.safestring import SafeString

from payments.admin import labels, sentences
from payments.admin.base import ReadOnlyAdmin, page_of, payment_link
from payments.admin.confirm import Question, ReasonForm, ask, because_of, operator_of, reason_given
from payments.admin.formats import utc
from payments.admin.look_ups import LookUp, look_ups
from payments.admin.mentions import mentions_in
from payments.models import GatewayEvent, OperatorTask
from payments.services.close_task import TaskClosedError, close_task

MAY_CLOSE: Final = "payments.change_operatortask"
ADVICE: Final[dict[str, str]] = {
    OperatorTask.Kind.UNKNOWN_TOO_LONG: "Look the charge up in the gateway's own console under our key, or ask its "
    "support. The gateway is asked on; its answer settles the payment by itself. Do not charge the customer again.",
    OperatorTask.Kind.REJECTED: "The gateway refused what we sent, so nothing was charged. Read its words; wrong "
    "credentials or settings hit every payment, so look whether others failed too.",
    OperatorTask.Kind.MISMATCH: "The gateway answered with another amount, currency or payment. The answer was not "
    "believed. Compare with the gateway's own console and tell its support.",
    OperatorTask.Kind.CONTRADICTION: "The gateway reports a charge that cannot be true beside what we know. Compare "
    "with its own console; if the customer was charged twice, the money has to go back there.",
    OperatorTask.Kind.DUPLICATE_CHARGE: "The money of the second charge is given back by itself; the payment's page "
    "shows when. Tell the gateway that it broke its promise of charging once per key, and close the task.",
    OperatorTask.Kind.LATE_SUCCESS: "The payment's page shows whether the late charge was taken for the order, which "
    "the shop then has to deliver, or is given back by itself. Make sure that shop and customer know.",
    OperatorTask.Kind.NOT_GIVEN_BACK: "Give the charge back at the gateway's own console, by the charge id on the "
    "payment's page, and record it on the page of that charge. Until then the customer's money is held without right.",
    OperatorTask.Kind.QUEUED_TOO_LONG: "The order was accepted although no gateway could charge it, and its time is "
    "over. Nothing was charged. Ask the customer for another way to pay, or have the shop hold the goods.",
    OperatorTask.Kind.DISPUTE_RECEIVED: "The customer asks the bank for the money back. Read the dispute in the "
    "gateway's own console, gather the evidence, and answer there in time. Stop goods that are not sent yet.",
    OperatorTask.Kind.UNMATCHED_EVENT: "The gateway tells of a charge under an id of our form that we do not know, as "
    "after a restored database. Find the charge in its own console. If it is ours, put the records right and apply the "
    "event again; if not, tell who uses the same account.",
    OperatorTask.Kind.UNREADABLE_EVENT: "The event is signed by the gateway and kept as it came. Read its body on its "
    "page, compare with the gateway's own console, and report the form that we cannot read.",
    OperatorTask.Kind.REFUND_UNKNOWN: "Look the refund up in the gateway's own console by its id, which is our key "
    "there, or ask its support. The gateway is asked on; its answer settles the refund by itself. Do not give the "
    "money back in another way: the customer could get it twice.",
    OperatorTask.Kind.REFUND_FAILED: "The customer does not have this money. Where the detail says that it goes on by "
    "itself, pay nothing by hand. Otherwise read on the refund's page why; once the cause is gone, refund again on the "
    "payment's page; where the card cannot take it, pay in another way.",
    OperatorTask.Kind.REFUND_REVIEW: "The policy does not refund this complaint by itself. Weigh what is known in the "
    "detail, then refund on the payment's page, or answer the customer, and close the task with what you decided.",
    OperatorTask.Kind.REFUND_MISMATCH: "What the gateway says about its refunds cannot be true beside what we know. "
    "Compare the payment's refunds with the gateway's own console: more may have gone back than we asked for. Where "
    "the detail names counters, refund nothing of this payment until somebody has put the database right.",
    OperatorTask.Kind.DOUBLE_LOSS: "The money went back by a refund, and the customer's bank asks for it as well. "
    "Answer the dispute with the refund as evidence, in time, or the money is lost twice.",
    OperatorTask.Kind.TAKEN_BACK: "Find out who undid the charge at the gateway. If the goods are not sent yet, stop "
    "them; the order needs another payment.",
}

# By whether the task is about no payment.
_STAYS: Final = {
    False: "The payment stays as it is, and the machine goes on with it.",
    True: "What it is about stays as it is.",
}


class OpenFilter(admin.SimpleListFilter):
    """Whether the task still waits for somebody."""

    title = "standing"
    parameter_name = "queue"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("open", "open"), ("closed", "closed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"open", "closed"}:
            return queryset
        return queryset.filter(closed_at__isnull=self.value() == "open")


@admin.register(OperatorTask)
class OperatorTaskAdmin(ReadOnlyAdmin):
    list_display = ("kind_in_words", "standing", "about", "amount_exact", "opened", "closed_by")
    list_filter = (OpenFilter, "kind")
    list_select_related = ("payment",)

    @admin.display(description="task")
    def kind_in_words(self, task: OperatorTask) -> str:
        return task.get_kind_display()

    @labels.coloured("standing", {"open": "warning", "closed": "default"})
    def standing(self, task: OperatorTask) -> str:
        return "closed" if task.closed_at else "open"

    @admin.display(description="about")
    def about(self, task: OperatorTask) -> SafeString | str:
        return task.subject if task.payment is None else payment_link(task.payment.pk)

    @admin.display(description="amount")
    def amount_exact(self, task: OperatorTask) -> str:
        return "—" if task.payment is None else str(task.payment.money)

    @admin.display(description="opened")
    def opened(self, task: OperatorTask) -> str:
        return utc(task.opened_at)

    def get_urls(self) -> list[URLPattern]:
        close = path("<int:task_id>/close/", self.admin_site.admin_view(self.close), name="payments_operatortask_close")
        return [close, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the task. The page has no form: posting to it is refused."""
        if request.method not in {"GET", "HEAD"} or not self.has_view_permission(request):
            raise PermissionDenied
        task = self._task(object_id)
        context = {
            **self.admin_site.each_context(request),
            "title": task.get_kind_display(),
            "opts": self.opts,
            "original": task,
            "inline_admin_formsets": [],
            "task": task,
            "detail": sentences.of_task(task.detail),
            "advice": ADVICE.get(task.kind, ""),
            "look_ups": _look_ups(task),
            "event_url": _event_url(task),
            "mentions": mentions_in(task.subject, task.detail),
            "may_close": operator_of(request).has_perm(MAY_CLOSE) and task.closed_at is None,
        }
        return TemplateResponse(request, "admin/console/task.html", context)

    def close(self, request: HttpRequest, task_id: int) -> HttpResponse:
        """Ask what became of it; on POST with an answer, close the task."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_CLOSE):
            raise PermissionDenied
        task = self._task(str(task_id))
        question = Question(
            title="Close task?",
            will=f"The task leaves the work queue. {_STAYS[task.payment is None]}",
            button="Close task",
            why_not=f"{task.closed_by} closed it already." if task.closed_at else "",
            label="What did you find out or do?",
            longest=500,
        )
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        resolution = reason_given(request, form)
        if not resolution:
            return ask(request, self.admin_site, question, form, task, page_of(task))
        try:
            because = because_of(user, "close-task")
            close_task(task_id=task.pk, operator=user.get_username(), because=because, resolution=resolution)
        except TaskClosedError:
            messages.error(request, "Somebody closed the task before. Nothing was changed.")
        else:
            messages.success(request, "The task is closed.")
        return HttpResponseRedirect(page_of(task))

    def _task(self, task_id: str) -> OperatorTask:
        tasks = OperatorTask.objects.select_related("payment__order")
        task = tasks.filter(pk=int(task_id)).first() if task_id.isascii() and task_id.isdecimal() else None
        if task is None:
            raise Http404("There is no such task.")
        return task


def _look_ups(task: OperatorTask) -> list[LookUp]:
    """Return every look-up of a payment whose outcome is unknown: what whoever asks the gateway's support needs."""
    if task.payment is None or task.kind != OperatorTask.Kind.UNKNOWN_TOO_LONG:
        return []
    return look_ups(task.payment)


def _event_url(task: OperatorTask) -> str:
    """Return the address of the page of the gateway's event that the task is about; empty for another task."""
    gateway, _, event_id = task.subject.partition(" event ")
    event = GatewayEvent.objects.filter(gateway=gateway, event_id=event_id).only("pk").first() if event_id else None
    return page_of(event) if event else ""
