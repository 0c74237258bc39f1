"""For how long the approval of a list holds: what was right when it was given may not be weeks later (invariant 7)."""

from datetime import datetime

from django.conf import settings

from payments.notices import Severity, tell
from refunds import rules
from refunds.models import BulkRefund


def has_run_out(bulk: BulkRefund, now: datetime) -> bool:
    """Say whether no further row may be refunded by the approval that was given, as it was too long ago."""
    if not bulk.needs_approval or bulk.approved_at is None:
        return bulk.needs_approval
    return rules.lapses_at(bulk.approved_at, settings.REFUND_APPROVAL_HOURS) <= now


def ask_for_another(bulk: BulkRefund, now: datetime) -> None:
    """Let the locked list wait for approval again; what was refunded names who approved it then."""
    if bulk.approved_at is not None:
        bulk.decision = f"The approval by {bulk.approved_by} of {bulk.approved_at:%Y-%m-%d %H:%M} UTC has run out."
    bulk.approved_by, bulk.approved_at, bulk.claimed_until, bulk.finished_at = "", None, None, None
    wait_for_approval(bulk, now)


def wait_for_approval(bulk: BulkRefund, now: datetime) -> None:
    """Let the locked list wait for a second person, and tell the team, in the caller's transaction."""
    lapses_at = rules.lapses_at(now, settings.REFUND_APPROVAL_HOURS)
    bulk.await_approval(lapses_at=lapses_at)
    text = f"Asked for by {bulk.requested_by}; it lapses at {lapses_at:%Y-%m-%d %H:%M} UTC."
    path = f"/admin/refunds/bulkrefund/{bulk.pk}/change/"
    key = f"{bulk.pk}:{now:%Y%m%d%H%M%S%f}"
    tell("refund_to_approve", key, f"List of refunds awaits approval: {bulk}", text, Severity.INFO, path)
