"""Reads the sandbox gateway's events: which charge of ours one claims to be about."""

import re
from typing import Any, Final

from payments.gateways.base import EventNotice
from payments.gateways.documents import Document, object_in
from payments.gateways.text import sanitised

_REFERENCE: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_KEY: Final = re.compile(r"[!-~]{1,64}")
_PAYMENT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,34}")
# The last second of the year 9999, which is as far as our calendar goes.
_LAST_SECOND: Final = 253_402_300_799


def notice_of(event_id: str, body: bytes) -> EventNotice:
    """Return what a verified body says; only the id where it is no event as this gateway writes them."""
    document = object_in(body)
    if document is None or not isinstance(document.get("data"), dict):
        return EventNotice(event_id)
    charge = _charge_in(document["data"])
    return EventNotice(
        event_id,
        type=_text(document.get("type"), 100),
        reference=_matching(_REFERENCE, charge.get("id")),
        key=_matching(_KEY, charge.get("idempotency_key")),
        payment_id=_matching(_PAYMENT_ID, charge.get("reference")),
        created=_seconds(document.get("created")),
        api_version=_text(document.get("apiVersion"), 32),
    )


def _charge_in(data: Document) -> Document:
    charge = data.get("object")
    return charge if isinstance(charge, dict) and charge.get("object") == "charge" else {}


def _text(value: Any, most: int) -> str:
    return sanitised(value)[:most] if isinstance(value, str) else ""


def _matching(shape: re.Pattern[str], value: Any) -> str:
    """Return an id that can be one. Never a part: a cut id may be that of something else."""
    return value if isinstance(value, str) and shape.fullmatch(value) else ""


def _seconds(value: Any) -> int | None:
    # `type`, not `isinstance`: true is no time.
    return value if type(value) is int and 0 <= value <= _LAST_SECOND else None
