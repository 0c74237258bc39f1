"""The sandbox gateway's disputes: asked about one by one, and read strictly."""

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

from payments.gateways.after_capture import DisputeReport, DisputeRequest
from payments.gateways.documents import Document, document
from payments.gateways.errors import Failure
from payments.gateways.http import HttpClient, Reply
from payments.gateways.replies import read_money_reply
from payments.gateways.reports import Expected
from payments.gateways.sandbox.refund_wire import RefundDialect
from payments.gateways.sandbox.wire import ID, typed

_STATUSES: Final = frozenset({"open", "won", "lost"})
_TYPES: Final = {
    "id": str,
    "status": str,
    "amount": int,
    "currency": str,
    "charge": str,
    "reference": str,
    "livemode": bool,
    "created": int,
    "reason": str,
    "due_by": int,
}
_REASON: Final = re.compile(r"[a-z0-9_]{0,64}")


def look_up_dispute(http: HttpClient, request: DisputeRequest) -> DisputeReport:
    """GET /v1/disputes/{id}; `unknown` wherever the reply is not wholly that dispute, in test mode."""
    reply = http.call("GET", f"/v1/disputes/{quote(request.reference, safe='')}", ends_at=request.ends_at)
    if isinstance(reply, Failure):
        return DisputeReport("unknown", trouble=reply.reason, opens_breaker=True)
    if reply.status == 404:
        return DisputeReport("not_found")
    found = document(reply) if reply.status == 200 else None
    if found is None or not _whole(found):
        return _unanswered(reply)
    if trouble := _trouble(found, request):
        return DisputeReport("unknown", reference=found["id"], trouble=trouble)
    return DisputeReport(
        found["status"],
        reference=found["id"],
        charge=found["charge"],
        payment_id=found["reference"],
        amount=found["amount"],
        currency=found["currency"],
        reason=found["reason"],
        due_by=found["due_by"],
        created=found["created"],
        live=found["livemode"],
    )


def _unanswered(reply: Reply) -> DisputeReport:
    """A reply without a dispute, in the words of any other call."""
    heard = read_money_reply(reply, Expected("", 0, ""), RefundDialect(), datetime.now(UTC))
    return DisputeReport(
        "unknown", trouble=heard.reason, opens_breaker=heard.opens_breaker, retry_after=heard.retry_after
    )


def _whole(found: Document) -> bool:
    if found.get("object") != "dispute" or not typed(found, _TYPES) or found["amount"] <= 0:
        return False
    named = ID.fullmatch(found["id"]) and ID.fullmatch(found["charge"])
    return named is not None and _REASON.fullmatch(found["reason"]) is not None


def _trouble(found: Document, request: DisputeRequest) -> str:
    if found["id"] != request.reference:
        return "reference_mismatch"
    if found["livemode"]:
        return "mode_mismatch"
    return "" if found["status"] in _STATUSES else "unknown_status"
