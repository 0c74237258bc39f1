"""What an operator may say about a webhook endpoint. The service checks it; these show its words at the fields."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django import forms
from django.core.validators import MinValueValidator
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from payments import events
from payments.admin.confirm import Question, ReasonForm
from payments.admin.free_text import FreeTextField
from payments.clock import database_now
from payments.models import Client, WebhookEndpoint

# What is delivered again.
EVERYTHING: Final = "everything"
FAILED: Final = "failed"
_DAYS: Final = timedelta(days=1)


class EndpointForm(forms.Form):
    """Where the events go, and which."""

    url = forms.CharField(
        max_length=500,
        label="URL",
        help_text="Of the shop's own program that takes events, by https.",
        widget=UnfoldAdminTextInputWidget(),
    )
    types = forms.MultipleChoiceField(
        required=False,
        label="Event types",
        help_text="Without any choice all events are sent, those of types that are added later, too.",
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    description = FreeTextField(
        max_length=100, required=False, help_text="What it is for.", widget=UnfoldAdminTextInputWidget()
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["types"]
        if isinstance(field, forms.MultipleChoiceField):
            # The test is sent to every endpoint that is tested, whatever it chose.
            field.choices = [(name, name) for name in events.TYPES if name != "endpoint.test"]


class NewEndpointForm(EndpointForm):
    """An endpoint that is to be made, and whose."""

    client = forms.ModelChoiceField(Client.objects.order_by("slug"), widget=UnfoldAdminSelectWidget())
    field_order = ("client",)


class RotateForm(ReasonForm):
    """For how long the old secret goes on signing."""

    hours = forms.IntegerField(
        min_value=0,
        max_value=168,
        initial=24,
        label="Hours in which the old secret signs, too",
        help_text="0 to 168. With 0 the shop refuses events until it knows the new one: only if the old one leaked.",
        widget=UnfoldAdminIntegerFieldWidget(),
    )
    field_order = ("hours", "reason")


class RedeliverForm(ReasonForm):
    """Which events are sent again."""

    since = forms.DateTimeField(
        label="Events since (UTC)",
        help_text="Such as 2026-01-31 03:00.",
        # No event is older; what is far older could not be reckoned with.
        validators=[MinValueValidator(datetime(2000, 1, 1, tzinfo=UTC))],
        widget=UnfoldAdminTextInputWidget(),
    )
    what = forms.ChoiceField(
        label="Which of them",
        choices=(
            # Short, as a narrow page cuts them.
            (EVERYTHING, "Everything, also while it was off"),
            (FAILED, "Only what was on its way and failed"),
        ),
        initial=EVERYTHING,
        help_text="Everything: all events since then, also what happened while the endpoint was switched off, and what "
        "the shop has already, which it knows by the ids. Only what failed leaves out what happened while it was off.",
        widget=UnfoldAdminRadioSelectWidget(),
    )
    field_order = ("since", "what", "reason")

    def __init__(self, question: Question, data: Any = None, endpoint: WebhookEndpoint | None = None) -> None:
        super().__init__(question, data)
        now = database_now()
        at = (endpoint.disabled_at or endpoint.failing_since) if endpoint else None
        self.initial["since"] = f"{min(at or now, now) - _DAYS:%Y-%m-%d %H:%M}"
