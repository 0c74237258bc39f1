"""Which customers operators trust or do not trust with orders that are charged later (requirement B7, level 4)."""

from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import DELETION, LogEntry
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from payments.admin import labels
from payments.admin.base import ConsoleAdmin, page_of
from payments.admin.confirm import Question, ReasonForm, ask, operator_of, reason_given
from payments.admin.formats import utc
from payments.admin.free_text import FreeTextField
from payments.admin.paginator import CappedPaginator
from payments.models import Client, CustomerStanding

if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[CustomerStanding]
else:
    _ModelForm = forms.ModelForm

MAY_SET: Final = "payments.change_customerstanding"
_CHOICES: Final = [(True, "Trusted"), (False, "Not trusted")]


class StandingForm(_ModelForm):
    """Asks for the reason anew at every change: the old one tells nothing about it."""

    trusted = forms.TypedChoiceField(
        choices=_CHOICES,
        coerce=lambda text: text == "True",
        help_text="Where no gateway can charge, orders of trusted customers are accepted and charged later; others "
        "fail kindly. This outranks the rule of trust.",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    customer_reference = FreeTextField(max_length=64, widget=UnfoldAdminTextInputWidget())
    reason = FreeTextField(
        max_length=200,
        help_text="Goes into the history with your name.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "maxlength": 200}),
    )

    class Meta:
        model = CustomerStanding
        fields = ("client", "customer_reference", "trusted", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["reason"] = ""


@admin.register(CustomerStanding)
class CustomerStandingAdmin(ConsoleAdmin):
    form = StandingForm
    paginator = CappedPaginator
    show_full_result_count = False
    list_display = ("customer_reference", "client", "standing", "reason", "set_by", "when")
    list_filter = ("trusted", "client")
    list_select_related = ("client",)
    list_fullwidth = True
    list_before_template = "admin/console/list_note.html"
    fields = ("client", "customer_reference", "trusted", "reason")
    ordering = ("-pk",)
    sortable_by = ()
    search_fields = ("customer_reference",)
    search_help_text = "The shop's reference of the customer"
    actions = None
    compressed_fields = True
    change_form_outer_before_template = "admin/console/standing.html"

    @labels.coloured("standing", {"trusted": "success", "not trusted": "danger"})
    def standing(self, row: CustomerStanding) -> str:
        return "trusted" if row.trusted else "not trusted"

    @admin.display(description="set (UTC)")
    def when(self, row: CustomerStanding) -> str:
        return utc(row.set_at)

    @admin.display(description="present reason")
    def present_reason(self, row: CustomerStanding) -> str:
        return row.reason

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        if obj is None:
            return self.fields
        now = ("client", "customer_reference", "standing", "present_reason", "set_by", "when")
        return (*now, "trusted", "reason") if self.has_change_permission(request, obj) else now

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = ("client", "customer_reference", "standing", "present_reason", "set_by", "when")
        return fixed if obj else ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        # Clients are few. Naming them all lets the unique index be used, which begins with the client.
        clients = list(Client.objects.values_list("pk", flat=True))
        return queryset.filter(client__in=clients, customer_reference=term), False

    def save_model(self, request: HttpRequest, obj: CustomerStanding, *args: Any, **kwargs: Any) -> None:
        obj.set_by = operator_of(request).get_username()[:64]
        obj.set_at = Now()
        super().save_model(request, obj, *args, **kwargs)

    def log_addition(self, request: HttpRequest, obj: CustomerStanding, message: Any) -> LogEntry:
        return super().log_addition(request, obj, _history(obj))

    def log_change(self, request: HttpRequest, obj: CustomerStanding, message: Any) -> LogEntry:
        return super().log_change(request, obj, _history(obj))

    def has_delete_permission(self, *_: Any, **__: Any) -> bool:
        # Only through `forget`, which asks for a reason.
        return False

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.forget)
        return [path("<int:standing_id>/forget/", view, name="payments_customerstanding_forget"), *super().get_urls()]

    def forget(self, request: HttpRequest, standing_id: int) -> HttpResponse:
        """Ask for confirmation; on POST with a reason, let the rule of trust decide about the customer again."""
        user = operator_of(request)
        if not self.has_view_permission(request) or not user.has_perm(MAY_SET):
            raise PermissionDenied
        row = CustomerStanding.objects.filter(pk=standing_id).first()
        if row is None:
            raise Http404("There is no such standing.")
        question = Question(
            title="Let the rule decide again?",
            will="What was set by hand is taken away: the rule decides whether this customer is trusted, from what the "
            "customer has paid so far (docs/settings.md). Orders that were accepted already are not touched.",
            button="Let the rule decide",
            help="Goes into the history with your name.",
        )
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if not reason:
            return ask(request, self.admin_site, question, form, row, page_of(row))
        with transaction.atomic():
            LogEntry.objects.log_actions(
                user.pk, [row], DELETION, f"The rule decides again: {reason}", single_object=True
            )
            row.delete()
        messages.success(request, "The rule decides about this customer again.")
        return HttpResponseRedirect(reverse("admin:payments_customerstanding_changelist"))


def _history(row: CustomerStanding) -> str:
    """Return what the history says: the standing and why, not which fields were touched."""
    return f"{'Trusted' if row.trusted else 'Not trusted'}: {row.reason}"
