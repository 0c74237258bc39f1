"""Applying gateways' events once more, after confirmation: those that were chosen, or all of a time."""

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from payments.admin.base import page_of
from payments.admin.confirm import Question, ReasonForm, ask, because_of, operator_of, reason_given
from payments.clock import database_now
from payments.models import GatewayEvent
from payments.services.gateway_events import apply_again

MAY_APPLY: Final = "payments.change_gatewayevent"
AGAIN: Final = "payments_gatewayevent_again"
RANGE: Final = "payments_gatewayevent_again_range"
# Events chosen at once: as many as stand on one page of the list.
MOST: Final = 50
_LIST: Final = "admin:payments_gatewayevent_changelist"
_WHAT: Final = "apply-again"
_WILL: Final = (
    "The gateway is asked again about what they tell that we do not know. What is right stays as it is, however often "
    "they are applied."
)
_HELP: Final = "Goes into the audit trail of the payments they are about, with your name."
_HOUR: Final = timedelta(hours=1)


class RangeForm(ReasonForm):
    """Which events: received from one time to before another, of one gateway or of all."""

    since = forms.DateTimeField(
        label="Received from (UTC)", help_text="Such as 2026-01-31 03:00.", widget=UnfoldAdminTextInputWidget()
    )
    until = forms.DateTimeField(label="Until before (UTC)", widget=UnfoldAdminTextInputWidget())
    gateway = forms.ChoiceField(label="Gateway", required=False, widget=UnfoldAdminSelectWidget())
    field_order = ("since", "until", "gateway", "reason")

    def __init__(self, question: Question, data: Any = None) -> None:
        super().__init__(question, data)
        now = database_now()
        self.initial.update(since=f"{now - _HOUR:%Y-%m-%d %H:%M}", until=f"{now:%Y-%m-%d %H:%M}")
        field: Any = self.fields["gateway"]
        names = [str(options["name"]) for options in settings.GATEWAYS]
        field.choices = [("", "all"), *((name, name) for name in names)]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        since, until = cleaned.get("since"), cleaned.get("until")
        if since is not None and until is not None and until <= since:
            self.add_error("until", "This is not after the other time.")
        return cleaned


def ask_for_chosen(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask for confirmation; on POST with a reason, apply the events that the address names."""
    user, chosen = operator_of(request), _chosen(request.GET.get("chosen", ""))
    one = len(chosen) == 1
    question = Question(
        title="Apply again?",
        will=_WILL if one else f"{len(chosen)} events are due again. {_WILL}",
        button="Apply again",
        help=_HELP,
    )
    back = page_of(chosen[0]) if one else reverse(_LIST)
    form = ReasonForm(question, request.POST if request.method == "POST" else None)
    reason = reason_given(request, form)
    if not reason:
        return ask(request, site, question, form, chosen[0], back)
    count = apply_again(because_of(user, _WHAT), ids=[event.pk for event in chosen], reason=reason)
    return _done(request, count, back)


def ask_for_range(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Ask from when to when; on POST with a reason, apply what was received then."""
    question = Question(
        title="Apply all of a time again?", will=f"All of them are due again. {_WILL}", button="Apply again", help=_HELP
    )
    form = RangeForm(question, request.POST if request.method == "POST" else None)
    reason = reason_given(request, form)
    back = reverse(_LIST)
    if not reason:
        return ask(request, site, question, form, GatewayEvent(event_id="of a time"), back)
    given = form.cleaned_data
    because = because_of(operator_of(request), _WHAT)
    count = apply_again(because, since=given["since"], until=given["until"], gateway=given["gateway"], reason=reason)
    return _done(request, count, back)


def _done(request: HttpRequest, count: int, back: str) -> HttpResponse:
    words = "1 event is" if count == 1 else f"{count} events are"
    messages.success(request, f"{words} applied again within seconds.")
    return HttpResponseRedirect(back)


def _chosen(text: str) -> list[GatewayEvent]:
    """Return the events whose numbers stand in the address."""
    numbers = [int(part) for part in text.split(",") if part.isascii() and part.isdecimal() and len(part) <= 18]
    found = list(GatewayEvent.objects.defer("body").filter(pk__in=numbers[:MOST]).order_by("pk"))
    if not found:
        raise Http404("There are no such events.")
    return found
