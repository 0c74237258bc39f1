"""The sandbox gateway's refunds, read as strictly as its charges."""

from typing import Final

from payments.gateways.base import Kind
from payments.gateways.documents import Document
from payments.gateways.replies import Problem
from payments.gateways.reports import Report
from payments.gateways.sandbox.wire import ID, code_in, problem_in, typed

_STATUSES: Final = {
    "succeeded": Kind.SUCCEEDED,
    "pending": Kind.PENDING,
    # Refused by the customer's bank, or come back from there after it had succeeded.
    "failed": Kind.DECLINED,
}
_TYPES: Final = {
    "id": str,
    "status": str,
    "amount": int,
    "currency": str,
    "charge": str,
    "reference": str,
    "livemode": bool,
    "created": int,
}


class RefundDialect:
    """Reads the refunds of a sandbox gateway."""

    def report(self, document: Document) -> Report | None:
        """Return the refund, or None where it is not whole."""
        if document.get("object") != "refund" or not typed(document, _TYPES):
            return None
        if not (ID.fullmatch(document["id"]) and ID.fullmatch(document["charge"])):
            return None
        # Null for a refund of the dashboard, but never missing.
        key, word, code = document.get("idempotency_key", 0), document["status"], document.get("failure_code")
        kind = _STATUSES.get(word)
        if not isinstance(key, str | None) or (kind is Kind.DECLINED and not isinstance(code, str)):
            return None
        return Report(
            reference=document["id"],
            kind=kind,
            word=word,
            amount=document["amount"],
            currency=document["currency"],
            payment_id=document["reference"],
            live=document["livemode"],
            key=key or "",
            created=document["created"],
            decline_code=code_in(code, word) if kind is Kind.DECLINED else "",
            charge=document["charge"],
        )

    def problem(self, document: Document) -> Problem:
        """Return what an error document says; it never carries a refund."""
        return problem_in(document, declined="refund_declined")
