"""Refusals of refunds as RFC 9457 problems: whether money moved, and what to do next."""

from payments.api.problems import Problem
from refunds.services.approve import NotApprovableError
from refunds.services.request import RefundRefusedError


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


def not_cancelable(error: NotApprovableError) -> Problem:
    """Return the 409 for a refund that was sent, or is over."""
    return Problem(
        status=409,
        code="not_cancelable",
        title="The refund cannot be called off.",
        detail=f"{error} Nothing was changed.",
    )
