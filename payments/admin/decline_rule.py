"""The decline map in the console: shown to all, changed with a reason by those who may, with its history (B5)."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from payments.admin import labels
from payments.admin.base import ReadOnlyAdmin, page_of
from payments.admin.confirm import Question, ReasonForm, ask, operator_of, reason_given
from payments.admin.decline_form import NewRuleForm, RuleForm, gateway_names
from payments.admin.decline_preview import Preview, differences, history, preview, preview_of
from payments.admin.formats import utc
from payments.declines import DEFAULTS, NEUTRAL_WORDS, DeclineClass, default_of, is_fraud_by_default, meaning_of
from payments.models import DeclineRule, DeclineRuleChange
from payments.services.decline_rules import (
    RuleRefusedError,
    change,
    faults_of,
    remove,
    values_of,
    values_of_meaning,
    version,
)

MAY_CHANGE: Final = "payments.change_declinerule"
_COLOURS: Final[dict[str, str]] = {
    DeclineClass.SOFT: "info",
    DeclineClass.AUTHENTICATION: "info",
    DeclineClass.HARD: "warning",
    DeclineClass.FRAUD: "danger",
    DeclineClass.PROCESSING: "default",
}
_EVERY: Final = "every gateway"
_YES: Final = "yes"


class GatewayFilter(admin.SimpleListFilter):
    """Whose codes: one gateway's own, or those of every gateway."""

    title = "gateway"
    parameter_name = "of"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [("every", _EVERY), *((f"gateway:{name}", name) for name in gateway_names())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {value for value, _ in self.lookup_choices}:
            return queryset
        return queryset.filter(gateway=str(self.value()).partition(":")[2])


class ClassFilter(admin.SimpleListFilter):
    title = "class"
    parameter_name = "class"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in DeclineRule.Class.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        known = self.value() in DeclineRule.Class.values
        return queryset.filter(decline_class=self.value()) if known else queryset


@admin.register(DeclineRule)
class DeclineRuleAdmin(ReadOnlyAdmin):
    list_display = (
        *("code", "class_in_words", "whose", "customer_reads", "operators_read"),
        *("may_work_later", "other_card", "with_bank"),
    )
    list_filter = (ClassFilter, GatewayFilter)
    list_before_template = "admin/console/decline_map.html"
    # A short table: it may be sorted, and searched by parts of words.
    ordering = ("code", "gateway")
    search_help_text = "Part of a code or of a message"

    @labels.coloured("class", _COLOURS)
    def class_in_words(self, rule: DeclineRule) -> tuple[str, str]:
        return rule.decline_class, rule.get_decline_class_display()

    @admin.display(description="gateway")
    def whose(self, rule: DeclineRule) -> str:
        return rule.gateway or _EVERY

    @admin.display(description="customer reads")
    def customer_reads(self, rule: DeclineRule) -> str:
        return meaning_of(rule).words

    @admin.display(description="operators read")
    def operators_read(self, rule: DeclineRule) -> str:
        return rule.internal_message

    @admin.display(description="retryable")
    def may_work_later(self, rule: DeclineRule) -> str:
        return _YES if meaning_of(rule).retryable else "—"

    @admin.display(description="other card")
    def other_card(self, rule: DeclineRule) -> str:
        return _YES if meaning_of(rule).needs_another_card else "—"

    @admin.display(description="3-D Secure")
    def with_bank(self, rule: DeclineRule) -> str:
        return _YES if meaning_of(rule).three_d_secure else "—"

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return ("code", "internal_message", "customer_message")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        wanted = Q()
        for name in self.get_search_fields(request):
            wanted |= Q((f"{name}__icontains", search_term.strip()))
        return queryset.filter(wanted), False

    def has_add_permission(self, request: HttpRequest, *_: Any, **__: Any) -> bool:
        return _may_change(request)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.remove)
        return [path("<int:rule_id>/remove/", view, name="payments_declinerule_remove"), *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form of a new rule, filled with `gateway` and `code` of the address; on POST add it."""
        if not self.has_view_permission(request) or not _may_change(request):
            raise PermissionDenied
        form = NewRuleForm(request.POST) if request.method == "POST" else NewRuleForm(initial=_first_values(request))
        shown: Preview | None = None
        existing: DeclineRule | None = None
        if request.method == "POST" and form.is_valid():
            gateway, code = form.cleaned_data["gateway"], form.cleaned_data["code"]
            existing = DeclineRule.objects.filter(gateway=gateway, code=code).first()
            if existing is None:
                shown, rule = self._done(request, form, gateway, code, None)
                if rule:
                    return HttpResponseRedirect(page_of(rule))
        context = {"title": "New rule", "form": form, "preview": shown, "changes": [], "existing": existing}
        return self._page(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the rule with its history; on POST change it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method not in {"GET", "HEAD"} and not _may_change(request):
            raise PermissionDenied
        rule, shown = _rule(object_id), None
        form = RuleForm(request.POST if request.method == "POST" else None, initial=_values(rule))
        if request.method == "POST" and form.is_valid():
            seen = _number(request.POST.get("seen", ""))
            shown, changed = self._done(request, form, rule.gateway, rule.code, seen)
            if changed:
                return HttpResponseRedirect(page_of(rule))
        now = preview("The customer reads now", meaning_of(rule))
        context = {"title": f"Decline code {rule.code}", "form": form, "preview": shown, "current": now}
        return self._page(request, {**context, **_facts(rule, may_change=_may_change(request))})

    def remove(self, request: HttpRequest, rule_id: int) -> HttpResponse:
        """Say what will hold without the rule; on POST with a reason, undo it."""
        if not self.has_view_permission(request) or not _may_change(request):
            raise PermissionDenied
        rule = _rule(str(rule_id))
        question = _question(rule)
        form = ReasonForm(question, request.POST if request.method == "POST" else None)
        reason = reason_given(request, form)
        if not reason or question.why_not:
            return ask(request, self.admin_site, question, form, rule, page_of(rule))
        seen = _number(request.GET.get("seen", ""))
        try:
            remove(rule.gateway, rule.code, seen=seen, operator=operator_of(request).get_username(), reason=reason)
        except RuleRefusedError as refused:
            messages.error(request, str(refused))
            return HttpResponseRedirect(page_of(rule))
        messages.success(request, "The rule is undone. Within seconds all processes know it.")
        kept = DeclineRule.objects.filter(pk=rule_id).exists()
        return HttpResponseRedirect(page_of(rule) if kept else reverse("admin:payments_declinerule_changelist"))

    def _done(
        self, request: HttpRequest, form: RuleForm, gateway: str, code: str, seen: int | None
    ) -> tuple[Preview | None, DeclineRule | None]:
        """Show a preview where that was asked for, or else change the rule; what is refused stands in `form`."""
        values, rule = form.values(), None
        try:
            if "preview" in request.POST:
                if faults := faults_of(code, values):
                    raise RuleRefusedError(faults)
                return preview_of("After saving, the customer reads", gateway, code, values), None
            operator, reason = operator_of(request).get_username(), form.cleaned_data["reason"]
            rule = change(gateway, code, values, seen=seen, operator=operator, reason=reason)
        except RuleRefusedError as refused:
            form.show(refused)
        else:
            messages.success(request, "The rule is saved. Within seconds all processes know it.")
        return None, rule

    def _page(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        base = {**self.admin_site.each_context(request), "opts": self.opts, "inline_admin_formsets": []}
        return TemplateResponse(
            request, "admin/console/decline_rule.html", {**base, "may_change": _may_change(request), **context}
        )


@admin.register(DeclineRuleChange)
class DeclineRuleChangeAdmin(ReadOnlyAdmin):
    list_display = ("time", "code", "whose", "operator", "reason", "what")
    fields = list_display
    exact_search = ("code",)
    search_help_text = "Decline code"

    @admin.display(description="time")
    def time(self, row: DeclineRuleChange) -> str:
        return utc(row.at)

    @admin.display(description="gateway")
    def whose(self, row: DeclineRuleChange) -> str:
        return row.gateway or _EVERY

    @admin.display(description="before → after")
    def what(self, row: DeclineRuleChange) -> str:
        return "; ".join(differences(row))


def _may_change(request: HttpRequest) -> bool:
    return operator_of(request).has_perm(MAY_CHANGE)


def _rule(rule_id: str) -> DeclineRule:
    rule = DeclineRule.objects.filter(pk=_number(rule_id)).first()
    if rule is None:
        raise Http404("There is no such rule.")
    return rule


def _number(text: str) -> int:
    """Return an id from outside; -1, which is none, for everything that cannot be one."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1


def _values(rule: DeclineRule) -> dict[str, Any]:
    values = values_of(rule)
    return {name: getattr(values, name) for name in RuleForm.base_fields if name != "reason"}


def _first_values(request: HttpRequest) -> dict[str, Any]:
    """Return what the form of a new rule starts with: what the code means as long as nobody maps it."""
    gateway, code = request.GET.get("gateway", ""), request.GET.get("code", "")
    meaning = default_of(code)
    values = values_of_meaning(meaning)
    first = {name: getattr(values, name) for name in RuleForm.base_fields if name != "reason"}
    if is_fraud_by_default(code):
        first |= {"decline_class": DeclineClass.FRAUD.value, "customer_message": ""}
    if not meaning.is_mapped:
        first["internal_message"] = ""
    return {"gateway": gateway, "code": code, **first}


def _facts(rule: DeclineRule, *, may_change: bool) -> dict[str, Any]:
    question = _question(rule)
    return {
        "rule": rule,
        "original": rule,
        "seen": version(rule.gateway, rule.code),
        "changes": history(rule.gateway, rule.code),
        "stays_fraud": is_fraud_by_default(rule.code),
        "neutral_words": NEUTRAL_WORDS,
        "undo": "" if not may_change or question.why_not else question.button,
    }


def _question(rule: DeclineRule) -> Question:
    """Ask whether to undo `rule`, and say what holds afterwards."""
    is_default = not rule.gateway and rule.code in DEFAULTS
    wider = DeclineRule.objects.filter(gateway="", code=rule.code).first() if rule.gateway else None
    after = meaning_of(wider) if wider else default_of(rule.code)
    same = is_default and values_of(rule) == values_of_meaning(DEFAULTS[rule.code])
    if wider:
        holds = "The rule for every gateway holds then"
    elif after.is_mapped:
        holds = "The default holds then"
    else:
        holds = "There is no default: the code is unmapped then, counts as hard and reads neutral"
    return Question(
        title="Back to the default?" if is_default else "Remove the rule?",
        will=f"{holds}: {after.decline_class.value}, “{after.words}” It may be changed again at any time.",
        button="Back to the default" if is_default else "Remove rule",
        why_not="The rule says what the default says." if same else "",
        is_dangerous=True,
        help="Goes into the history with your name.",
    )
