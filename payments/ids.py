"""Public ids: a prefix that names the kind, then 128 bits, time first, so that indexes grow at one end.

The layout is that of a ULID (48 bits of milliseconds, 80 random bits, Crockford base 32).
"""

import re
import secrets
import time
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = [high + low for high in _ALPHABET for low in _ALPHABET]

ID_LENGTH: Final = 34
_ID: Final = re.compile(r"[a-z]{2,4}_[0-9a-hjkmnp-tv-z]{26}")


def new_id(prefix: str) -> str:
    """Return a new public id such as `pay_01jd3m…`; `prefix` is the kind without the underscore."""
    return _text(prefix, (time.time_ns() // 1_000_000 << 80) | int.from_bytes(secrets.token_bytes(10), "big"))


def floor_id(prefix: str, at: datetime) -> str:
    """Return the smallest id that can have been made at `at`: `id >= floor` finds what is newer by the primary key."""
    return _text(prefix, int(at.timestamp() * 1000) << 80)


def _text(prefix: str, value: int) -> str:
    return prefix + "_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def is_id(text: str, prefix: str) -> bool:
    """Say whether `text` has the form of a public id of this kind."""
    return _ID.fullmatch(text) is not None and text.startswith(f"{prefix}_")


def new_payment_id() -> str:
    return new_id("pay")


def new_attempt_id() -> str:
    return new_id("att")


def new_surplus_id() -> str:
    return new_id("sur")


def new_refund_id() -> str:
    return new_id("rf")


def new_dispute_id() -> str:
    return new_id("dp")


def new_event_id() -> str:
    return new_id("evt")


def new_endpoint_id() -> str:
    return new_id("we")


def new_order_id() -> str:
    return new_id("ord")


def new_checkout_token() -> str:
    """Return the unguessable token of a checkout page: all of its bits are random, as it is a bearer secret."""
    return "chk_" + secrets.token_urlsafe(24)
