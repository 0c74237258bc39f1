"""Reads a body as a JSON object, strictly: what is not clearly one object is nothing."""

import json
from typing import Any

from payments.gateways.http import Reply

Document = dict[str, Any]


def document(reply: Reply) -> Document | None:
    """Return the body as an object, or None: another content type, no JSON, no object, a repeated name, NaN."""
    kind = reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        return None
    return object_in(reply.body)


def object_in(body: bytes) -> Document | None:
    """Return the one JSON object that `body` is, or None."""
    try:
        value = json.loads(body, object_pairs_hook=_unique, parse_constant=_refuse)
    # Deep nesting is a RecursionError; bytes that are not UTF-8 are a ValueError, too.
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _unique(pairs: list[tuple[str, Any]]) -> Document:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("A name is repeated: readers would disagree about its value.")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON.")
