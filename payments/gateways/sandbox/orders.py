"""Reads and checks the parameters of a charge as the sandbox gateway documents them."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from payments.gateways.sandbox.answers import Answer, encoded, refused
from payments.gateways.sandbox.config import Config
from payments.money import EXPONENTS, MAX_MINOR

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_TOKEN = re.compile(r"tok_[A-Za-z0-9_]{1,100}")
_REFERENCE = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """A request to charge. amount: minor units. digest: SHA-256 over the canonical parameters, for the key's rule."""

    key: str
    amount: int
    currency: str
    token: str
    reference: str
    return_url: str
    request_three_d_secure: bool
    metadata: str
    digest: str


def read_order(body: bytes, key: str, config: Config) -> ChargeOrder | Answer:
    """Return the order, or the 400 that says what is wrong with it."""
    if not _KEY.fullmatch(key):
        return refused(400, "idempotency_key_invalid", "Send an Idempotency-Key of 1 to 255 printable characters.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return refused(400, "not_json", "The body is not JSON.")
    if not isinstance(given, dict):
        return refused(400, "not_an_object", "The body is not a JSON object.")
    for name in given:
        if name not in _CHECKS:
            return refused(400, "parameter_unknown", f"There is no parameter {name[:40]!r}.", param=name[:40])
    for name, (check, default) in _CHECKS.items():
        if not check(given.get(name, default), config):
            return refused(400, "parameter_invalid", f"The parameter {name!r} is missing or not valid.", param=name)
    return ChargeOrder(
        key=key,
        amount=given["amount"],
        currency=given["currency"],
        token=given["token"],
        reference=given["reference"],
        return_url=given.get("return_url", ""),
        request_three_d_secure=given.get("request_three_d_secure", False),
        metadata=encoded(given.get("metadata", {})).decode(),
        digest=hashlib.sha256(json.dumps(given, sort_keys=True).encode()).hexdigest(),
    )


def _is_metadata(value: Any, _config: Config) -> bool:
    if not isinstance(value, dict) or len(value) > 50:
        return False
    return all(len(name) <= 40 and isinstance(text, str) and len(text) <= 500 for name, text in value.items())


def _is_return_url(value: Any, config: Config) -> bool:
    return value == "" or (isinstance(value, str) and config.allows(value))


# Parameter → its check, and the default of an optional one; None fails every check.
_CHECKS: Final[dict[str, tuple[Callable[[Any, Config], bool], Any]]] = {
    "amount": (lambda value, _config: type(value) is int and 0 < value <= MAX_MINOR, None),
    "currency": (lambda value, _config: isinstance(value, str) and value in EXPONENTS, None),
    "token": (lambda value, _config: isinstance(value, str) and _TOKEN.fullmatch(value) is not None, None),
    "reference": (lambda value, _config: isinstance(value, str) and _REFERENCE.fullmatch(value) is not None, None),
    "return_url": (_is_return_url, ""),
    "request_three_d_secure": (lambda value, _config: isinstance(value, bool), False),
    "metadata": (_is_metadata, {}),
}
