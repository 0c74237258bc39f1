"""Reads the sandbox gateway's events: which charge of ours one is about, and which refund or dispute of it."""

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
    charge, about = _named("charge", "object", document["data"]), _about(document["data"])
    return EventNotice(
        event_id,
        type=_text(document.get("type"), 100),
        reference=_matching(_REFERENCE, charge.get("id")),
        key=_matching(_KEY, charge.get("idempotency_key")),
        payment_id=_matching(_PAYMENT_ID, charge.get("reference")),
        created=_seconds(document.get("created")),
        api_version=_text(document.get("apiVersion"), 32),
        about=_matching(_REFERENCE, about.get("id")),
        about_key=_matching(_KEY, about.get("idempotency_key")),
    )


def _about(data: Document) -> Document:
    """Return the refund or the dispute, of which an event has one at most."""
    return _named("refund", "refund", data) or _named("dispute", "dispute", data)


def _named(noun: str, name: str, data: Document) -> Document:
    """Return the member `name` where it is a document of this kind, else an empty one."""
    found = data.get(name)
    return found if isinstance(found, dict) and found.get("object") == noun else {}


def _text(value: Any, most: int) -> str:
    return sanitised(value)[:most] if isinstance(value, str) else ""


def _matching(shape: re.Pattern[str], value: Any) -> str:
    """Return an id that can be one. Never a part: a cut id may be that of something else."""
    return value if isinstance(value, str) and shape.fullmatch(value) else ""


def _seconds(value: Any) -> int | None:
    # `type`, not `isinstance`: true is no time.
    return value if type(value) is int and 0 <= value <= _LAST_SECOND else None
