"""The form field of every free text that the console stores."""

from typing import Any

from django import forms

from payments.free_text import UnprintableError, one_line


class FreeTextField(forms.CharField):
    """One line of printable text: line ends become spaces, and what else nobody can see is refused with its place."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return one_line(text) if isinstance(text, str) else text
        except UnprintableError as error:
            raise forms.ValidationError(str(error), code="unprintable") from None
