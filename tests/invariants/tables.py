"""The published tables of states, written down a second time: never made from the application's own.

A test compares the two copies, so that one cannot drift away from what is published without anybody saying so.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Table(NamedTuple):
    """birth: the state of a new row. told: whether an audit entry tells of the birth. edges: allowed changes."""

    birth: str
    told: bool
    edges: Mapping[str, frozenset[str]]


def _edges(**lines: str) -> dict[str, frozenset[str]]:
    return {before: frozenset(after.split()) for before, after in lines.items()}


PAYMENT: Final = Table(
    "pending",
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
    "sent",
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
SURPLUS: Final = Table("owed", True, _edges(owed="returned refused", refused="returned"))

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
