"""What the sandbox gateway's API answers: a status, a JSON body and headers, before any fault garbles them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def encoded(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


def answer(status: int, document: Any) -> Answer:
    return Answer(status, encoded(document))


def refused(
    status: int,
    code: str,
    message: str,
    *,
    kind: str = "invalid_request_error",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Answer:
    """Return an error document: `{"error": {"type", "code", "message", …}}`."""
    error = {"type": kind, "code": code, "message": message, **more}
    return Answer(status, encoded({"error": error}), headers or {})
