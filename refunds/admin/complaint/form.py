"""A complaint as an operator takes it on: whose order, and what the customer says."""

from typing import Final

from django import forms
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from payments.admin.free_text import FreeTextField
from payments.models import Client

LONGEST: Final = 1000


class ComplaintForm(forms.Form):
    """Who complains about what. The order is named by the shop's own reference of it."""

    client = forms.ModelChoiceField(
        Client.objects.order_by("slug"), label="Shop", empty_label="Choose a shop", widget=UnfoldAdminSelectWidget()
    )
    order = FreeTextField(
        max_length=64,
        help_text="The shop's own reference of the order, whole.",
        widget=UnfoldAdminTextInputWidget(),
    )
    words = FreeTextField(
        max_length=LONGEST,
        label="What the customer says",
        help_text="Kept with the refund or the task. The customer is not shown it.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4, "maxlength": LONGEST}),
    )
