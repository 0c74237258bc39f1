"""Reads single fields of a checkout form; each returns the value to keep or raises FieldError with the reason."""

import re
import unicodedata
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from payments import money

REFERENCE_RULE: Final = "1 to 64 letters, digits and . _ : / # - starting with a letter or digit"
_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}")
_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
# Characters that turn the direction of what follows: a name could rewrite the amount that stands behind it.
_DIRECTION: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# A letter with this many accents no longer fits its line.
_MOST_MARKS_IN_A_ROW: Final = 4


class FieldError(ValueError):
    """A field cannot be accepted; the text continues a sentence that starts with the field's name."""


def reference(value: str) -> str:
    if not _REFERENCE.fullmatch(value):
        raise FieldError(f"must be {REFERENCE_RULE}.")
    return value


def label(value: str, longest: int) -> str:
    """Read a text that people read, such as a name, in Unicode's composed form."""
    text = unicodedata.normalize("NFC", value).strip()
    if len(text) > longest:
        raise FieldError(f"is longer than {longest} characters.")
    if has_controls(text) or _DIRECTION.intersection(text):
        raise FieldError("has invisible characters that are not allowed.")
    marks = 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks > _MOST_MARKS_IN_A_ROW:
            raise FieldError("has too many accents on one letter.")
    return text


def has_controls(text: str) -> bool:
    """Say whether `text` holds control characters, line ends or characters that databases cannot keep."""
    return any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text)


def email(value: str) -> str:
    try:
        if not value.isascii() or len(value) > 254:
            raise FieldError("must be an e-mail address such as anna@shop.example.")
        validate_email(value)
    except ValidationError:
        raise FieldError("must be an e-mail address such as anna@shop.example.") from None
    return value


def phone(value: str) -> str:
    """Read a telephone number in the form of E.164: a plus sign and 7 to 15 digits, the country's code first."""
    if not _PHONE.fullmatch(value):
        raise FieldError("must be a telephone number with its country's code, without spaces, such as +4915123456789.")
    return value


def currency(value: str) -> str:
    if value not in settings.CURRENCY_LIMITS:
        enabled = ", ".join(sorted(settings.CURRENCY_LIMITS))
        raise FieldError(f"is not an ISO 4217 code in capitals that is enabled here. Enabled: {enabled}.")
    return value


def amount(value: str, currency: str) -> int:
    """Read a decimal text as minor units within the limits of `currency` (requirement A12)."""
    minor = signed_amount(value, currency)
    least, most = settings.CURRENCY_LIMITS[currency]
    if not least <= minor <= most:
        raise FieldError(f"must be between {money.Money(least, currency)} and {money.Money(most, currency)}.")
    return minor


def signed_amount(value: str, currency: str) -> int:
    """Read a decimal text as minor units; a line of an order may be negative, such as a discount."""
    try:
        return money.parse_minor(value, currency)
    except money.MoneyError as error:
        raise FieldError(str(error)) from None
