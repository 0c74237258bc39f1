"""Fingerprints of cards: the same for one card whenever it is typed, and of no use for finding its number."""

import hashlib
import hmac
from typing import Final

_LENGTH: Final = 24


def of_number(key: bytes, digits: str) -> str:
    """Return the fingerprint of a card number under a vault's own `key`; the number cannot be told from it."""
    return f"fp_{hmac.new(key, digits.encode(), hashlib.sha256).hexdigest()[:_LENGTH]}"


def of_token(token: str) -> str:
    """Return the fingerprint of the card that a fixed test token stands for: the same at every gateway."""
    return f"fp_{hashlib.sha256(token.encode()).hexdigest()[:_LENGTH]}"
