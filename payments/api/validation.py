"""Validates a request to pay by hand: this is the hot path, and each refusal names its field.

payments/api/schema.py describes the same rules to the API's readers; a test holds the two together.
"""

import re
import unicodedata
from typing import Any, Final

from django.conf import settings

from payments import idempotency, money
from payments.api.problems import FieldError, invalid
from payments.api.strict_json import Number
from payments.services.accept import PayRequest

METHOD_TYPES: Final = ("card",)
TOKEN_RULE: Final = "3 to 255 letters, digits and _ . : - starting with a letter"  # noqa: S105
REFERENCE_RULE: Final = "1 to 64 letters, digits and . _ : / # - starting with a letter or digit"
IS_CARD: Final = "looks like a card number, which must never be sent here."
MAX_METADATA_KEYS: Final = 50
MAX_METADATA_KEY: Final = 40
MAX_METADATA_VALUE: Final = 500

_TOP: Final = frozenset({"idempotencyKey", "amount", "currency", "paymentMethod", "metadata"})
_METHOD: Final = frozenset({"type", "token"})
_TOKEN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,254}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/#-]{0,63}")
_SECRET_KEYS: Final = frozenset({"cvc", "cvv", "cvv2", "cid", "track1", "track2", "pin", "pan", "cardnumber"})
# Card numbers have 13 to 19 digits, start with 3 to 6 and pass Luhn's test (ISO/IEC 7812).
_CARD_NUMBER: Final = re.compile(r"(?<![0-9])[3-6](?:[ -]?[0-9]){12,18}(?![0-9])")


def pay_request(client_id: int, body: Any, header_key: str | None) -> PayRequest:
    """Return the request that `body` and the `Idempotency-Key` header make; raise Problem 400 naming each bad field."""
    errors: list[FieldError] = []
    if not isinstance(body, dict):
        raise invalid([FieldError("", "must be a JSON object.")])
    errors.extend(FieldError(str(name)[:64], "is not a known field.") for name in body.keys() - _TOP)
    key = key_of(body, header_key, errors)
    currency = _currency(body, errors)
    amount = _amount(body, currency, errors)
    method_type, token = _method(body, errors)
    metadata = _metadata(body, errors)
    if errors:
        raise invalid(errors)
    canonical = {"amount": amount, "currency": currency, "type": method_type, "token": token, "metadata": metadata}
    return PayRequest(
        client_id=client_id,
        key=key,
        request_hash=idempotency.request_hash(canonical),
        amount=amount,
        currency=currency,
        method_type=method_type,
        method_token=token,
        metadata=metadata,
        order_reference=metadata.get("orderID", ""),
        customer_reference=metadata.get("customerID", ""),
    )


def retry_method(body: Any) -> tuple[str, str] | None:
    """Return the payment method (type, token) of a request to try again, None where the same one is meant.

    Raises Problem 400 naming each bad field. No body at all, `{}`, means the same card.
    """
    errors: list[FieldError] = []
    if not isinstance(body, dict):
        raise invalid([FieldError("", "must be a JSON object.")])
    errors.extend(FieldError(str(name)[:64], "is not a known field.") for name in body.keys() - {"paymentMethod"})
    method = _method(body, errors) if "paymentMethod" in body else None
    if errors:
        raise invalid(errors)
    return method


def key_of(body: dict[str, Any], header: str | None, errors: list[FieldError]) -> str:
    """Return the idempotency key that `body` and the header name, else note why there is none."""
    given = body.get("idempotencyKey")
    if header is not None and not isinstance(given, Number):
        header = idempotency.unquote_header(header)
        if given is not None and given != header:
            errors.append(
                FieldError("idempotencyKey", "differs from the Idempotency-Key header; send one, or both equal.")
            )
            return ""
        given = header
    return checked_key(given, errors)


def checked_key(given: Any, errors: list[FieldError]) -> str:
    """Return `given` if it is an idempotency key, else note why not."""
    if given is None:
        errors.append(FieldError("idempotencyKey", "is missing. Send it in the body or as an Idempotency-Key header."))
    elif isinstance(given, Number) or not isinstance(given, str) or not idempotency.is_valid_key(given):
        errors.append(FieldError("idempotencyKey", f"must be {idempotency.KEY_RULE}."))
    elif _is_card_number(given):
        errors.append(FieldError("idempotencyKey", IS_CARD))
    else:
        return given
    return ""


def _currency(body: dict[str, Any], errors: list[FieldError]) -> str:
    given = body.get("currency")
    if isinstance(given, str) and given in settings.CURRENCY_LIMITS:
        return given
    enabled = ", ".join(sorted(settings.CURRENCY_LIMITS))
    what = "is missing" if given is None else "is not enabled here or is not an ISO 4217 code in capitals"
    errors.append(FieldError("currency", f"{what}. Enabled: {enabled}."))
    return ""


def _amount(body: dict[str, Any], currency: str, errors: list[FieldError]) -> int:
    given = body.get("amount")
    if not isinstance(given, Number):
        what = "is missing." if given is None and "amount" not in body else "must be a JSON number such as 12.50."
        errors.append(FieldError("amount", what))
        return 0
    if not currency:
        return 0
    try:
        amount = money.parse_minor(given, currency)
    except money.MoneyError as error:
        errors.append(FieldError("amount", str(error)))
        return 0
    least, most = settings.CURRENCY_LIMITS[currency]
    if not least <= amount <= most:
        low, high = money.Money(least, currency), money.Money(most, currency)
        errors.append(FieldError("amount", f"must be between {low} and {high}."))
    return amount


def _method(body: dict[str, Any], errors: list[FieldError]) -> tuple[str, str]:
    given = body.get("paymentMethod")
    if not isinstance(given, dict):
        errors.append(FieldError("paymentMethod", "must be an object with type and token."))
        return "", ""
    errors.extend(FieldError(f"paymentMethod.{name[:64]}", "is not a known field.") for name in given.keys() - _METHOD)
    method_type, token = given.get("type"), given.get("token")
    if method_type not in METHOD_TYPES:
        errors.append(FieldError("paymentMethod.type", f"must be one of: {', '.join(METHOD_TYPES)}."))
    if isinstance(token, Number) or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        errors.append(FieldError("paymentMethod.token", f"must be the gateway's token: {TOKEN_RULE}."))
    elif has_card_number(token):
        errors.append(FieldError("paymentMethod.token", IS_CARD))
    return str(method_type), str(token)


def _metadata(body: dict[str, Any], errors: list[FieldError]) -> dict[str, str]:
    given = body.get("metadata", {})
    if not isinstance(given, dict):
        errors.append(FieldError("metadata", "must be an object of strings."))
        return {}
    if len(given) > MAX_METADATA_KEYS:
        errors.append(FieldError("metadata", f"has more than {MAX_METADATA_KEYS} entries."))
        return {}
    for name, value in given.items():
        problem = _metadata_problem(name, value)
        if problem:
            errors.append(FieldError(f"metadata.{name[:MAX_METADATA_KEY]}", problem))
    return given


def _metadata_problem(name: str, value: Any) -> str:
    if not 1 <= len(name) <= MAX_METADATA_KEY or not name.isprintable():
        return f"has a name that is not 1 to {MAX_METADATA_KEY} printable characters."
    if name.replace("_", "").replace("-", "").lower() in _SECRET_KEYS:
        return "is card data, which must never be sent here."
    if isinstance(value, Number) or not isinstance(value, str):
        return "must be a string."
    if name in {"orderID", "customerID"}:
        return reference_problem(value)
    if len(value) > MAX_METADATA_VALUE:
        return f"is longer than {MAX_METADATA_VALUE} characters."
    if "\0" in value or any(unicodedata.category(character) == "Cs" for character in value if character > "\ud7ff"):
        return "has characters that cannot be stored."
    return IS_CARD if has_card_number(value) else ""


def reference_problem(value: str) -> str:
    """Return why `value` cannot be a shop's own name of an order or customer; nothing where it can."""
    if not _REFERENCE.fullmatch(value):
        return f"must be {REFERENCE_RULE}."
    return IS_CARD if _is_card_number(value) else ""


def has_card_number(text: str) -> bool:
    """Say whether a card number stands anywhere in `text`; such numbers are never taken, kept or logged (PCI DSS 3)."""
    return any(_passes_luhn(found[0]) for found in _CARD_NUMBER.finditer(text))


def _is_card_number(text: str) -> bool:
    """Say whether `text` as a whole is one: an order number that only contains such digits is left alone."""
    return _CARD_NUMBER.fullmatch(text) is not None and _passes_luhn(text)


def _passes_luhn(text: str) -> bool:
    digits = [int(character) for character in reversed(text) if character.isdigit()]
    doubled = [2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0
