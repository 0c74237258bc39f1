"""Refusals of refunds as RFC 9457 problems: whether money moved, and what to do next."""

from typing import Any, Final

from payments.api.problems import Problem
from refunds.services.request import RefundRefusedError
from refunds.states import RefundState

# The problems that every call of the API has speak of charges; here is what they say of refunds.
_DETAILS: Final = {
    "invalid_request": (
        "Nothing was refunded and no money moved. Correct the fields named in errors and send it again."
    ),
    "not_found": "Nothing was done and no money moved. Check the id and the API key.",
    "unsupported_media_type": "Nothing was refunded and no money moved. Send JSON, in UTF-8.",
    "temporarily_unavailable": (
        "Send the same request with the same idempotency key again; it is never refunded twice."
    ),
}
_TOLD_IN_PART: Final = frozenset({"body_too_large", "scope_missing", "unauthenticated"})
_PAST_CALLING_OFF: Final = {
    RefundState.PROCESSING: "The refund is under way: the money goes back.",
    RefundState.UNKNOWN: "Whether the refund was made is being found out: do not refund in another way.",
    RefundState.SUCCEEDED: "The refund has been made: the money went back before.",
    RefundState.FAILED: "The refund failed: its amount can be refunded again, with a new key.",
    RefundState.REJECTED: "The refund was called off before, and nothing of it was sent.",
}


def detail_for_refunds(problem: dict[str, Any]) -> str:
    """Return the detail of `problem`, a body of application/problem+json, as a call about refunds tells it."""
    code, detail = problem["code"], str(problem["detail"])
    if code in _TOLD_IN_PART:
        return f"{detail} No money moved."
    return _DETAILS.get(code, detail)


def refused(error: RefundRefusedError, payment_id: str = "") -> Problem:
    """Return the 409 for what may not be refunded now; its code is the rule's own (refunds/rules.py)."""
    return Problem(
        status=409,
        code=error.code,
        title="This cannot be refunded.",
        detail=f"{error.words} Nothing was done and no money moved.",
        more={"paymentID": payment_id} if payment_id else {},
    )


def key_reused() -> Problem:
    """Return the 422 for a key that names something else. The key of a refund or complaint is kept for ever."""
    return Problem(
        status=422,
        code="idempotency_key_reused",
        title="This idempotency key was used for another request.",
        detail="Nothing was done and no money moved. Use a new key for a new request.",
    )


def not_cancelable(state: str) -> Problem:
    """Return the 409 for a refund that was sent, or is over; it says where the money is, as it may have moved before.

    state: the refund's, in which it cannot be called off.
    """
    stands = _PAST_CALLING_OFF[RefundState(state)]
    return Problem(
        status=409,
        code="not_cancelable",
        title="The refund cannot be called off.",
        detail=f"{stands} It can not be called off any more: this request changed nothing.",
    )
