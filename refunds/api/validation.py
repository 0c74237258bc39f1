"""Validates what programs ask of refunds, by the rules of payments (payments/api/validation.py).

refunds/api/schema.py describes the same rules to the API's readers; a test holds the two together.
"""

from collections.abc import Mapping
from typing import Any, Final

from payments import free_text, money
from payments.api.problems import FieldError, invalid
from payments.api.strict_json import Number
from payments.api.validation import IS_CARD, has_card_number, key_of, reference_problem
from payments.models import Payment
from refunds.models import Origin, Reason
from refunds.services.complain import Complained
from refunds.services.request import Wanted

MAX_NOTE: Final = 500
MAX_COMPLAINT: Final = 1000
_REFUND: Final = frozenset({"idempotencyKey", "amount", "currency", "reason", "note"})
_COMPLAINT: Final = frozenset({"idempotencyKey", "orderID", "complaint"})


def refund_request(payment: Payment, body: Any, header_key: str | None, limits: Mapping[str, int]) -> Wanted:
    """Return the refund of `payment` that `body` and the `Idempotency-Key` header ask for.

    limits: what programs may refund without a second person. Raises Problem 400 naming each bad field.
    """
    errors: list[FieldError] = []
    fields = _fields(body, _REFUND, errors)
    wanted = Wanted(
        payment_id=payment.pk,
        amount=_amount(fields, payment.currency, errors),
        reason=_reason(fields, errors),
        origin=Origin.API,
        key=key_of(fields, header_key, errors),
        note=_text(fields, "note", MAX_NOTE, errors),
        client_id=payment.client_id,
        limits=limits,
    )
    _check_currency(fields, payment.currency, errors)
    if errors:
        raise invalid(errors)
    return wanted


def complaint(client_id: int, body: Any, header_key: str | None) -> Complained:
    """Return the complaint that `body` and the `Idempotency-Key` header make; raise Problem 400 naming bad fields."""
    errors: list[FieldError] = []
    fields = _fields(body, _COMPLAINT, errors)
    words = _text(fields, "complaint", MAX_COMPLAINT, errors)
    if not words and not any(error.field == "complaint" for error in errors):
        errors.append(FieldError("complaint", "is missing: what does the customer say?"))
    complained = Complained(client_id, _order(fields, errors), words, key_of(fields, header_key, errors))
    if errors:
        raise invalid(errors)
    return complained


def _fields(body: Any, known: frozenset[str], errors: list[FieldError]) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid([FieldError("", "must be a JSON object.")])
    errors.extend(FieldError(str(name)[:64], "is not a known field.") for name in body.keys() - known)
    return body


def _amount(fields: dict[str, Any], currency: str, errors: list[FieldError]) -> int | None:
    """Return the minor units asked for; None where the field is absent, for everything that can still be refunded.

    null is refused: in most programs it is a value that got lost, and must not become a refund of everything.
    """
    if "amount" not in fields:
        return None
    given = fields["amount"]
    if given is None:
        errors.append(
            FieldError("amount", "is null. Give a number, or leave the field out to refund everything that is left.")
        )
        return None
    if not isinstance(given, Number):
        errors.append(FieldError("amount", "must be a JSON number such as 12.50."))
        return None
    try:
        amount = money.parse_minor(given, currency)
    except money.MoneyError as error:
        errors.append(FieldError("amount", str(error)))
        return None
    if amount <= 0:
        errors.append(FieldError("amount", "must be above 0. Leave it out to refund everything that is left."))
    return amount


def _check_currency(fields: dict[str, Any], currency: str, errors: list[FieldError]) -> None:
    given = fields.get("currency")
    if given is not None and (isinstance(given, Number) or given != currency):
        errors.append(FieldError("currency", f"is not that of the payment, which is in {currency}."))


def _reason(fields: dict[str, Any], errors: list[FieldError]) -> str:
    given = fields.get("reason")
    if isinstance(given, str) and given in Reason.values:
        return given
    what = "is missing" if given is None else "is not a known reason"
    errors.append(FieldError("reason", f"{what}. Use one of: {', '.join(Reason.values)}."))
    return ""


def _order(fields: dict[str, Any], errors: list[FieldError]) -> str:
    given = fields.get("orderID")
    if isinstance(given, Number) or not isinstance(given, str):
        errors.append(FieldError("orderID", "is missing." if given is None else "must be a string."))
        return ""
    if problem := reference_problem(given):
        errors.append(FieldError("orderID", problem))
    return given


def _text(fields: dict[str, Any], name: str, longest: int, errors: list[FieldError]) -> str:
    """Return free text on one line, its line ends as spaces; empty where it is absent or null."""
    given = fields.get(name)
    if given is None:
        return ""
    if isinstance(given, Number) or not isinstance(given, str):
        errors.append(FieldError(name, "must be a string."))
        return ""
    if len(given) > longest:
        errors.append(FieldError(name, f"is longer than {longest} characters."))
        return ""
    try:
        line = free_text.one_line(given)
    except free_text.UnprintableError as error:
        errors.append(FieldError(name, str(error)))
        return ""
    if has_card_number(line):
        errors.append(FieldError(name, IS_CARD))
    return line
