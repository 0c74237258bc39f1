"""Replies about one charge, read as the sandbox gateway's adapter reads them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from requests.structures import CaseInsensitiveDict

from payments.gateways.base import Outcome
from payments.gateways.http import Reply
from payments.gateways.replies import read_money_reply
from payments.gateways.reports import Expected
from payments.gateways.sandbox.wire import SandboxDialect
from tests.payments.gateways.builders import charge_object, charge_request, encoded

URL = "http://gateway.test"
NOW = datetime(2030, 1, 1, 12, 0, 0, tzinfo=UTC)
REQUEST = charge_request()
EXPECTED = Expected(REQUEST.payment_id, REQUEST.amount, REQUEST.currency)


def read(status: int, body: Any, headers: Mapping[str, str] | None = None) -> Outcome:
    raw = body if isinstance(body, bytes) else encoded(body)
    given = CaseInsensitiveDict({"content-type": "application/json", **(headers or {})})
    return read_money_reply(Reply(status, given, raw), EXPECTED, SandboxDialect(URL, URL), NOW)


def charge(**changes: Any) -> dict[str, Any]:
    return charge_object(REQUEST, **changes)


def error(code: str, **more: Any) -> dict[str, Any]:
    return {"error": {"type": "x", "code": code, "message": "Text of the gateway.", **more}}
