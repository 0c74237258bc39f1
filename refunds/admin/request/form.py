"""What an operator says about a refund: how much, why, and a note."""

from typing import Any, Final

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from payments.admin.free_text import FreeTextField
from payments.models import Payment
from payments.money import Money, MoneyError, decimal_text, exponent, parse_minor
from payments.reliability import refundable
from refunds.models import Reason

_NOTE: Final = "Optional. For people here and in the shop's own programs; the customer is never shown it."
_CHOICES: Final = [("", "Choose a reason"), *Reason.choices]


class RefundForm(forms.Form):
    """The amount is read exactly, with the decimals of the payment's currency; `cleaned_data` has minor units."""

    amount = forms.CharField(max_length=24, widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}))
    reason = forms.ChoiceField(choices=_CHOICES, widget=UnfoldAdminSelectWidget())
    note = FreeTextField(
        required=False,
        max_length=500,
        help_text=_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3, "maxlength": 500}),
    )

    def __init__(self, payment: Payment, data: Any = None) -> None:
        super().__init__(data)
        self._currency = payment.currency
        left, places = Money(refundable.remaining(payment), payment.currency), exponent(payment.currency)
        amount = self.fields["amount"]
        amount.label = f"Amount in {payment.currency}"
        amount.help_text = f"At most {left}, with {places or 'no'} decimals."
        self.initial["amount"] = decimal_text(left.minor, payment.currency)

    def clean_amount(self) -> int:
        try:
            minor = parse_minor(str(self.cleaned_data["amount"]), self._currency)
        except MoneyError as error:
            raise forms.ValidationError(f"The amount {error}", code="amount") from None
        if minor <= 0:
            raise forms.ValidationError("The amount must be more than nothing.", code="amount")
        return minor
