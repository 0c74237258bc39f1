"""What the demo shop asks its customers."""

from collections.abc import Callable
from typing import Final

from django import forms

from payments.checkout import fields
from paysite.demo.catalogue import CURRENCIES, PRODUCTS

# Each in its own words; codes of payments/checkout/languages.py.
LANGUAGE_NAMES: Final = {"en": "English", "de": "Deutsch"}


class DetailsForm(forms.Form):
    """Who buys. The rules are those of the checkout form, so that nobody is refused one page later."""

    name = forms.CharField(label="Your name", max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"}))
    email = forms.EmailField(label="E-mail", max_length=254, widget=forms.EmailInput(attrs={"autocomplete": "email"}))

    phone = forms.CharField(
        label="Phone, for messages by SMS (optional)",
        required=False,
        max_length=40,
        help_text="With the country's code, such as +4915123456789.",
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    language = forms.ChoiceField(label="Language of messages", required=False, choices=list(LANGUAGE_NAMES.items()))

    def clean_name(self) -> str:
        return _checked(lambda: fields.label(self.cleaned_data["name"], 100))

    def clean_email(self) -> str:
        return _checked(lambda: fields.email(self.cleaned_data["email"]))

    def clean_phone(self) -> str:
        # People write spaces, which E.164 does not have.
        number = "".join(self.cleaned_data["phone"].split())
        return _checked(lambda: fields.phone(number)) if number else ""


class CartForm(forms.Form):
    """One change of the cart: `quantity` pieces of a product, or one more where no quantity is said."""

    sku = forms.ChoiceField(choices=[(sku, sku) for sku in PRODUCTS])
    quantity = forms.IntegerField(required=False, min_value=0, max_value=1000)


class CurrencyForm(forms.Form):
    currency = forms.ChoiceField(choices=[(code, code) for code in CURRENCIES])


def _checked(read: Callable[[], str]) -> str:
    try:
        return read()
    except fields.FieldError as error:
        raise forms.ValidationError(f"This {error}") from None
