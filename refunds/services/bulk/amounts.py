"""Reads the amount of a row, which must be beyond doubt: whoever wrote it meant one number."""

import re
from typing import Final

from payments.money import MoneyError, exponent, parse_minor

_WRITTEN: Final = re.compile(r"(?:([A-Za-z]{3}) ?)?([0-9]+(?:[.,][0-9]+)?)(?: ?([A-Za-z]{3}))?")


class BadAmountError(ValueError):
    """The text is no amount of that currency; the words say why."""


def minor_units(text: str, named: str, currency: str) -> int:
    """Return `text`, such as `10.50`, `10,50` or `10.50 USD`, in minor units of the payment's `currency`.

    named: the currency that stands beside it, if any. Raises BadAmountError.
    """
    written = _WRITTEN.fullmatch(text)
    if written is None:
        raise BadAmountError("The amount is not a plain number such as 10.50.")
    before, number, after = written.groups()
    for other in (before, after, named):
        if other and other.upper() != currency:
            raise BadAmountError(f"The list says {other.upper()}, but the payment is in {currency}.")
    if "," in number and len(number.partition(",")[2]) == exponent(currency) == 3:
        raise BadAmountError(f"{number} can be read in two ways. Write the decimals after a point.")
    try:
        minor = parse_minor(number.replace(",", "."), currency)
    except MoneyError as error:
        raise BadAmountError(f"The amount {error}") from None
    if minor == 0:
        raise BadAmountError("The amount must be more than nothing.")
    return minor
