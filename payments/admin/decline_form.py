"""The form of one rule of the decline map, in plain words (requirement B5)."""

from typing import Any, Final

from django import forms
from django.conf import settings
from django.utils.html import format_html, format_html_join
from unfold.widgets import (
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from payments.declines import NEUTRAL_WORDS, DeclineClass
from payments.models import DeclineRule, UnmappedDecline
from payments.services.decline_rules import LONGEST, RuleRefusedError, RuleValues

# What the machine does after a decline of each class, whatever else the rule says.
CLASSES: Final[dict[DeclineClass, str]] = {
    DeclineClass.SOFT: "tried again by itself, with 3-D Secure where ticked below, then at another gateway",
    DeclineClass.AUTHENTICATION: "once more with 3-D Secure where ticked below, at the same gateway alone",
    DeclineClass.HARD: "never tried again with this card, at no gateway",
    DeclineClass.FRAUD: "never tried again, and nobody but the console learns why",
    DeclineClass.PROCESSING: "a fault of the gateway or ours: tried again by itself, then at another gateway",
}


class RuleForm(forms.Form):
    """What an operator may say of a code. The service checks it; this shows the service's words at the fields."""

    decline_class = forms.ChoiceField(
        choices=[(name.value, name.value.capitalize()) for name in CLASSES],
        label="Class",
        help_text=format_html(
            "{}The class decides what happens next, after declines alone: a charge whose outcome is unknown is never "
            "looked up here and never tried elsewhere.",
            format_html_join("", "<b>{}</b>: {}.<br>", ((name.capitalize(), words) for name, words in CLASSES.items())),
        ),
        widget=UnfoldAdminRadioSelectWidget(),
    )
    customer_message = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="What the customer reads",
        help_text="Plain and kind: what happened, that nothing was charged, and what to do next. Leave it empty for "
        f"fraud: the customer then reads “{NEUTRAL_WORDS}”",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "maxlength": LONGEST}),
    )
    internal_message = forms.CharField(
        max_length=LONGEST,
        label="What operators read",
        help_text="The real meaning, in this console only.",
        widget=UnfoldAdminTextInputWidget(),
    )
    retryable = forms.BooleanField(
        required=False,
        label="The same card may work later",
        help_text="The shop is told so. Not for hard declines and fraud.",
        widget=UnfoldBooleanWidget(),
    )
    needs_another_card = forms.BooleanField(
        required=False,
        label="Another card is needed",
        help_text="The customer's button then says “Try another card”.",
        widget=UnfoldBooleanWidget(),
    )
    three_d_secure = forms.BooleanField(
        required=False,
        label="3-D Secure may help",
        help_text="The customer is asked once to confirm with the bank. For soft and authentication declines.",
        widget=UnfoldBooleanWidget(),
    )
    reason = forms.CharField(
        max_length=LONGEST,
        required=False,
        label="Why do you change it?",
        help_text="Goes into the history with your name. Not needed for a preview.",
        widget=UnfoldAdminTextInputWidget(),
    )

    def values(self) -> RuleValues:
        """Return what was filled in, of a form that is valid."""
        return RuleValues(**{name: self.cleaned_data[name] for name in RuleValues.__dataclass_fields__})

    def show(self, refused: RuleRefusedError) -> None:
        """Show why the service refused, each reason at its field."""
        for name, words in refused.faults.items():
            self.add_error(name if name in self.fields else None, words)


class NewRuleForm(RuleForm):
    """A rule for a code that has none yet."""

    gateway = forms.ChoiceField(
        required=False,
        help_text="A gateway's own rule goes before the rule for every gateway.",
        widget=UnfoldAdminSelectWidget(),
    )
    code = forms.CharField(
        max_length=64, help_text="Exactly as the gateway writes it.", widget=UnfoldAdminTextInputWidget()
    )
    field_order = ("gateway", "code")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["gateway"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", "Every gateway"), *((name, name) for name in gateway_names())]


def gateway_names() -> list[str]:
    """Return the gateways of the settings, and those that only rules and counted codes know by now."""
    names = {str(options["name"]) for options in settings.GATEWAYS}
    for model in (DeclineRule, UnmappedDecline):
        names |= set(model._default_manager.order_by().values_list("gateway", flat=True).distinct())
    return sorted(names - {""})
