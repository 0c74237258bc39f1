"""Reads and checks the parameters of a refund as the sandbox gateway documents them."""

import re
from dataclasses import dataclass
from typing import Final

from payments.gateways.sandbox.answers import Answer, encoded
from payments.gateways.sandbox.config import Config
from payments.gateways.sandbox.orders import Checks, digest_of, is_amount, is_currency, is_metadata, read_parameters

_CHARGE = re.compile(r"[A-Za-z0-9_-]{1,100}")
_REASON = re.compile(r"[a-z0-9_]{0,64}")


@dataclass(frozen=True, slots=True)
class RefundOrder:
    """A request to refund. charge: the id of a charge; amount: minor units; digest: as of a charge's order."""

    key: str
    charge: str
    amount: int
    currency: str
    reason: str
    metadata: str
    digest: str


def read_refund_order(body: bytes, key: str, config: Config) -> RefundOrder | Answer:
    """Return the order, or the 400 that says what is wrong with it."""
    given = read_parameters(body, key, _CHECKS, config)
    if isinstance(given, Answer):
        return given
    return RefundOrder(
        key=key,
        charge=given["charge"],
        amount=given["amount"],
        currency=given["currency"],
        reason=given.get("reason", ""),
        metadata=encoded(given.get("metadata", {})).decode(),
        digest=digest_of(given),
    )


_CHECKS: Final[Checks] = {
    "charge": (lambda value, _config: isinstance(value, str) and _CHARGE.fullmatch(value) is not None, None),
    "amount": (is_amount, None),
    "currency": (is_currency, None),
    "reason": (lambda value, _config: isinstance(value, str) and _REASON.fullmatch(value) is not None, ""),
    "metadata": (is_metadata, {}),
}
