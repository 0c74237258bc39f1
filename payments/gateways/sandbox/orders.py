"""Reads and checks the parameters of a charge as the sandbox gateway documents them, and those of any request."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
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


# Parameter → its check, and the default of an optional one; None fails every check.
Checks = Mapping[str, tuple[Callable[[Any, Config], bool], Any]]


def read_parameters(body: bytes, key: str, checks: Checks, config: Config) -> dict[str, Any] | Answer:
    """Return the parameters of a request under an idempotency key, or the 400 that says what is wrong with it."""
    if not _KEY.fullmatch(key):
        return refused(400, "idempotency_key_invalid", "Send an Idempotency-Key of 1 to 255 printable characters.")
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return refused(400, "not_json", "The body is not JSON.")
    if not isinstance(given, dict):
        return refused(400, "not_an_object", "The body is not a JSON object.")
    for name in given:
        if name not in checks:
            return refused(400, "parameter_unknown", f"There is no parameter {name[:40]!r}.", param=name[:40])
    for name, (check, default) in checks.items():
        if not check(given.get(name, default), config):
            return refused(400, "parameter_invalid", f"The parameter {name!r} is missing or not valid.", param=name)
    return given


def read_order(body: bytes, key: str, config: Config) -> ChargeOrder | Answer:
    """Return the order, or the 400 that says what is wrong with it."""
    given = read_parameters(body, key, _CHECKS, config)
    if isinstance(given, Answer):
        return given
    return ChargeOrder(
        key=key,
        amount=given["amount"],
        currency=given["currency"],
        token=given["token"],
        reference=given["reference"],
        return_url=given.get("return_url", ""),
        request_three_d_secure=given.get("request_three_d_secure", False),
        metadata=encoded(given.get("metadata", {})).decode(),
        digest=digest_of(given),
    )


def digest_of(parameters: dict[str, Any]) -> str:
    """Return the SHA-256 over the canonical form of the parameters."""
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()


def is_amount(value: Any, _config: Config) -> bool:
    return type(value) is int and 0 < value <= MAX_MINOR


def is_currency(value: Any, _config: Config) -> bool:
    return isinstance(value, str) and value in EXPONENTS


def is_metadata(value: Any, _config: Config) -> bool:
    if not isinstance(value, dict) or len(value) > 50:
        return False
    return all(len(name) <= 40 and isinstance(text, str) and len(text) <= 500 for name, text in value.items())


def _is_return_url(value: Any, config: Config) -> bool:
    return value == "" or (isinstance(value, str) and config.allows(value))


_CHECKS: Final[Checks] = {
    "amount": (is_amount, None),
    "currency": (is_currency, None),
    "token": (lambda value, _config: isinstance(value, str) and _TOKEN.fullmatch(value) is not None, None),
    "reference": (lambda value, _config: isinstance(value, str) and _REFERENCE.fullmatch(value) is not None, None),
    "return_url": (_is_return_url, ""),
    "request_three_d_secure": (lambda value, _config: isinstance(value, bool), False),
    "metadata": (is_metadata, {}),
}
