"""The form by which a list of payments comes in: a file, or pasted, with one reason for all of it."""

from typing import Any, Final

from django import forms
from django.core.files.base import File
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from payments.admin.free_text import FreeTextField
from payments.ids import is_id
from refunds.models import Reason
from refunds.models.bulk import new_bulk_id
from refunds.services.bulk.check import Listed
from refunds.services.bulk.lines import MOST_BYTES, MOST_ROWS, BadListError, Line, decoded, read

# What only the machine says of a refund.
_MACHINE: Final = {Reason.PROACTIVE, Reason.LATE_SUCCESS}
_REASONS: Final = [("", "Choose…"), *((value, label) for value, label in Reason.choices if value not in _MACHINE)]
_EXAMPLE: Final = "payment id, amount\npay_01jd3m…, 10.50\nORDER-1234"


class ListForm(forms.Form):
    """Either a file or a text. key: made with the form, so that one form sent twice makes one list."""

    file = forms.FileField(
        required=False,
        label="CSV file",
        help_text=f"At most {MOST_BYTES // 1_000_000} MB and {MOST_ROWS:,} rows. Columns: payment id or order "
        "reference, and amount where it is not all that is left; currency if you like. Other columns are not read.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv,text/plain", "class": "console-button"}),
    )
    pasted = forms.CharField(
        required=False,
        label="or a pasted list",
        help_text="One payment on each line, with the amount beside it where it is not all that is left.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 8, "placeholder": _EXAMPLE, "spellcheck": "false"}),
    )
    reason = forms.ChoiceField(choices=_REASONS, help_text="Of all refunds.", widget=UnfoldAdminSelectWidget())
    note = FreeTextField(
        max_length=500,
        required=False,
        help_text="For the team. The shop's programs read it, customers never do.",
        widget=UnfoldAdminTextInputWidget(),
    )
    key = forms.CharField(required=False, widget=forms.HiddenInput())

    def __init__(self, data: Any = None, files: Any = None, *, pasted: str = "") -> None:
        super().__init__(data, files, initial={"key": new_bulk_id(), "pasted": pasted})
        self.lines: list[Line] = []

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        return key if is_id(key, "blk") else new_bulk_id()

    def clean(self) -> None:
        file, pasted = self.cleaned_data.get("file"), str(self.cleaned_data.get("pasted") or "")
        if "file" in self.errors:
            return
        if bool(file) == bool(pasted.strip()):
            raise forms.ValidationError("Give either a file or a pasted list, not both." if file else "Give a list.")
        try:
            self.lines = read(_text_of(file) if file else pasted)
        except BadListError as error:
            self.add_error("file" if file else "pasted", str(error))

    def listed(self) -> Listed:
        """Return the list of a valid form."""
        said, file = self.cleaned_data, self.cleaned_data.get("file")
        name = _printable(str(file.name)) if file else f"Pasted list of {len(self.lines):,}"
        return Listed(name, said["reason"], said["note"], self.lines, said["key"])


def _text_of(file: "File[bytes]") -> str:
    """Return what is in the file; one that is too large is not read to its end."""
    return decoded(file.read(MOST_BYTES + 1))


def _printable(name: str) -> str:
    return "".join(each if each.isprintable() else "\ufffd" for each in name)[:100]
