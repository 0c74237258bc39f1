"""Reads the `lines` of a checkout form: what was bought, as the customer shall read it."""

import json
from typing import Any, Final

from payments import money
from payments.checkout.fields import FieldError, label, signed_amount

MOST_LINES: Final = 50
LONGEST_NAME: Final = 120
_MOST_PIECES: Final = 99_999
_NAMES: Final = {"name", "quantity", "amount"}

Line = dict[str, str | int]


def read_lines(text: str, total: int, currency: str) -> list[Line]:
    """Return the lines as they are kept, each `{"name", "quantity", "amount"}` with an exact decimal text as amount.

    Raises FieldError where they are malformed or do not add up to `total` (minor units).
    """
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise FieldError("must be JSON.") from None
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_LINES:
        raise FieldError(f"must be a JSON list of 1 to {MOST_LINES} lines.")
    lines, added_up = [], 0
    for number, item in enumerate(given, 1):
        try:
            line, minor = _line(item, currency)
        except FieldError as error:
            raise FieldError(f"line {number}: {error}") from None
        lines.append(line)
        added_up += minor
    if added_up != total:
        raise FieldError(
            f"add up to {money.Money(added_up, currency)}, but the amount is {money.Money(total, currency)}."
        )
    return lines


def _line(item: Any, currency: str) -> tuple[Line, int]:
    if not isinstance(item, dict) or item.keys() != _NAMES:
        raise FieldError("needs name, quantity and amount, and nothing else.")
    name, quantity, amount = item["name"], item["quantity"], item["amount"]
    if not isinstance(name, str) or not name.strip():
        raise FieldError("name must be a text.")
    if isinstance(quantity, bool) or not isinstance(quantity, int) or not 1 <= quantity <= _MOST_PIECES:
        raise FieldError(f"quantity must be a whole number from 1 to {_MOST_PIECES}.")
    if not isinstance(amount, str):
        raise FieldError('amount must be a decimal text such as "12.50".')
    try:
        minor = signed_amount(amount, currency)
    except FieldError as error:
        raise FieldError(f"amount {error}") from None
    kept = label(name, LONGEST_NAME)
    return {"name": kept, "quantity": quantity, "amount": money.decimal_text(minor, currency)}, minor
