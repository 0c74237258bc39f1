"""Idempotency keys and the hash by which two requests are the same (requirements A5–A7)."""

import hashlib
import json
import re
from typing import Any, Final

KEY_RULE: Final = "4 to 255 characters: letters, digits and . _ : @ / + = - only, starting with a letter or digit"
# How the keys of payments begin that were asked for on the checkout page.
CHECKOUT_KEY: Final = "chk_"
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{3,254}")


def is_valid_key(key: str) -> bool:
    """Say whether `key` may name a request. A bare counter such as `1` is refused: two counters meet too easily."""
    return _KEY.fullmatch(key) is not None


def unquote_header(value: str) -> str:
    """Read an `Idempotency-Key` header, bare or as a quoted string (RFC 8941), as the key itself."""
    value = value.strip(" \t")
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value


def request_hash(canonical: dict[str, Any]) -> str:
    """Return the SHA-256 of the validated request without its key: equal requests hash equal, however spelt."""
    text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def order_reference_for(key: str) -> str:
    """Return the order reference of a request that names no order: its key protects it even after the key expired."""
    return "key-" + hashlib.sha256(key.encode()).hexdigest()[:40]
