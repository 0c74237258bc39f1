"""The published tables of states, written down a second time: never made from the application's own.

A test compares the two copies, so that one cannot drift away from what is published without anybody saying so.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Table(NamedTuple):
    """births: the states of a new row. told: whether an audit entry tells of the birth. edges: allowed changes."""

    births: frozenset[str]
    told: bool
    edges: Mapping[str, frozenset[str]]


def _edges(**lines: str) -> dict[str, frozenset[str]]:
    return {before: frozenset(after.split()) for before, after in lines.items()}


PAYMENT: Final = Table(
    frozenset({"pending"}),
    True,
    _edges(
        pending="processing expired canceled retrying failed",
        processing="success failed retrying requires_action review",
        requires_action="processing retrying failed expired success review",
        retrying="processing failed expired review success canceled retrying",
        review="success failed canceled processing",
        failed="success",
        expired="success",
        canceled="success",
        success="review",
    ),
)
ATTEMPT: Final = Table(
    frozenset({"sent"}),
    # The payment's entry that starts it names its key instead.
    False,
    _edges(
        sent="succeeded declined action_required not_sent unknown rejected",
        unknown="succeeded declined not_found unresolved action_required voided",
        action_required="succeeded declined voided unresolved",
        unresolved="succeeded declined not_found voided",
        not_found="succeeded",
        declined="succeeded",
        not_sent="succeeded",
        rejected="succeeded",
        succeeded="voided",
    ),
)
SURPLUS: Final = Table(frozenset({"owed"}), True, _edges(owed="returned refused", refused="returned"))
REFUND: Final = Table(
    frozenset({"requested", "awaiting_approval", "processing", "succeeded", "failed"}),
    True,
    _edges(
        requested="processing rejected",
        awaiting_approval="processing rejected",
        processing="succeeded failed unknown",
        unknown="succeeded failed processing",
        succeeded="failed",
        failed="succeeded",
    ),
)
REFUND_ATTEMPT: Final = Table(
    frozenset({"sent"}),
    # The refund's entry that starts it tells its number instead.
    False,
    _edges(
        sent="succeeded pending declined not_sent unknown rejected",
        pending="succeeded declined unresolved",
        unknown="succeeded pending declined not_found unresolved",
        unresolved="succeeded pending declined not_found",
        not_found="succeeded pending",
        declined="succeeded",
        not_sent="succeeded pending",
        rejected="succeeded",
        succeeded="bounced",
    ),
)
DISPUTE: Final = Table(
    frozenset({"needs_response", "won", "lost"}),
    True,
    _edges(
        needs_response="won lost closed",
        won="needs_response lost",
        lost="needs_response won",
        closed="needs_response won lost",
    ),
)

# At most one of these per order.
LIVE_OR_SUCCESSFUL: Final = frozenset({"pending", "processing", "requires_action", "retrying", "review", "success"})
# Payments of which a client may read that nothing was charged.
NOT_PAID: Final = frozenset({"failed", "expired", "canceled"})
# Attempts that may still charge.
OPEN: Final = frozenset({"sent", "unknown", "action_required", "unresolved"})
# Attempts proven not to have charged: only after these may another key be used.
CLOSED: Final = frozenset({"not_sent", "declined", "not_found", "voided", "rejected"})
# Status that a payment reaches → the type of the event that tells its shop.
TOLD_AS: Final[Mapping[str, str]] = {
    "processing": "payment.processing",
    "requires_action": "payment.requires_action",
    "retrying": "payment.retrying",
    "review": "payment.review",
    "success": "payment.succeeded",
    "failed": "payment.failed",
    "expired": "payment.expired",
    "canceled": "payment.canceled",
}

# Refunds that take their amount out of what can be refunded.
RESERVED: Final = frozenset({"requested", "awaiting_approval", "processing", "unknown", "succeeded"})
# Refunds of which something was, or may have been, sent: only once they are approved where that is needed.
EXECUTED: Final = frozenset({"processing", "unknown", "succeeded"})
# Attempts to refund that may still give money back, or have.
REFUND_OPEN: Final = frozenset({"sent", "pending", "unknown", "unresolved", "succeeded"})
# State that a refund reaches, or `` for its birth → the type of the event that tells its shop.
REFUND_TOLD_AS: Final[Mapping[str, str]] = {
    "": "refund.created",
    "processing": "refund.processing",
    "unknown": "refund.outcome_unknown",
    "succeeded": "refund.succeeded",
    "failed": "refund.failed",
    "rejected": "refund.rejected",
}
DISPUTE_TOLD_AS: Final[Mapping[str, str]] = {
    "": "dispute.created",
    "needs_response": "dispute.reopened",
    "won": "dispute.won",
    "lost": "dispute.lost",
    "closed": "dispute.closed",
}
