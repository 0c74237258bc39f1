"""Money as whole minor units and an ISO 4217 currency; never a float (requirement A12).

The table below is pinned here because general-purpose locale data disagrees with ISO 4217 for some currencies.
"""

import re
from dataclasses import dataclass
from typing import Final

# ISO 4217 minor unit exponents of the currencies this installation can know about.
EXPONENTS: Final[dict[str, int]] = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "XAF"), 0),
    **dict.fromkeys(("XOF", "XPF"), 0),
    **dict.fromkeys(("AED", "ARS", "AUD", "BGN", "BRL", "CAD", "CHF", "CNY", "COP", "CZK", "DKK", "EGP", "EUR"), 2),
    **dict.fromkeys(("GBP", "HKD", "HUF", "IDR", "ILS", "INR", "KES", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD"), 2),
    **dict.fromkeys(("PEN", "PHP", "PLN", "QAR", "RON", "RSD", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH"), 2),
    **dict.fromkeys(("USD", "UYU", "ZAR"), 2),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}

# The largest amount the database column and every gateway's wire format can carry.
MAX_MINOR: Final = 2**53 - 1

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,15})(?:\.[0-9]{1,6})?")


class MoneyError(ValueError):
    """The amount or currency cannot be money; nothing was done with it."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount: `minor` whole minor units (cents, yen, fils) of `currency`."""

    minor: int
    currency: str

    def __str__(self) -> str:
        """`12.50 USD`, `1250 JPY`, `1.250 KWD`: exact, with the currency's own decimals."""
        return f"{decimal_text(self.minor, self.currency)} {self.currency}"


def exponent(currency: str) -> int:
    """Return the number of decimals of `currency`; raise MoneyError for a code that is not known."""
    try:
        return EXPONENTS[currency]
    except KeyError:
        raise MoneyError(f"{currency!r} is not a currency this installation knows.") from None


def parse_minor(text: str, currency: str) -> int:
    """Read a plain decimal such as `10.50` as minor units; refuse exponents, signs, and more decimals than exist.

    A JSON `10.00` is refused for a currency without decimals: somebody thought it had some.
    """
    places = exponent(currency)
    if not _PLAIN.fullmatch(text):
        raise MoneyError("must be a plain decimal number, without sign or exponent.")
    whole, _, fraction = text.partition(".")
    if len(fraction) > places:
        raise MoneyError(f"has more than the {places} decimals that {currency} has.")
    minor = int(whole + fraction.ljust(places, "0"))
    if minor > MAX_MINOR:
        raise MoneyError("is too large.")
    return minor


def decimal_text(minor: int, currency: str) -> str:
    """Return minor units as text with the currency's decimals: `decimal_text(5, "USD") == "0.05"`."""
    places = exponent(currency)
    if places == 0:
        return str(minor)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}"
