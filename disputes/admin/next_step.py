"""What a person can do about a dispute, and what happens to it next and when, in words (requirement G4)."""

from datetime import datetime

from disputes.admin import words
from disputes.models import Dispute
from disputes.states import DisputeStatus
from payments.admin.formats import span, utc


def to_do(dispute: Dispute, now: datetime) -> str:
    """Say what a person can do at `now` by the database's clock; empty where the dispute has ended."""
    if dispute.status != DisputeStatus.NEEDS_RESPONSE:
        return ""
    where = f"Answer it at the own console of gateway {dispute.gateway}, as {dispute.gateway_reference}"
    if dispute.respond_by is None:
        return f"{where}, soon: the gateway has not said until when."
    if dispute.respond_by <= now:
        late = f"The time to answer ended {utc(dispute.respond_by)}, {span(now - dispute.respond_by)} ago."
        return f"{late} Ask gateway {dispute.gateway} whether an answer is still taken."
    return f"{where}, until {utc(dispute.respond_by)}: {span(dispute.respond_by - now)} are left."


def next_step(dispute: Dispute, now: datetime) -> str:
    """Say what happens next by itself."""
    if dispute.status == DisputeStatus.NEEDS_RESPONSE:
        return f"{_asked(dispute, now)}{_trouble(dispute)}"
    ended = f"It ended {utc(dispute.closed_at)}."
    if dispute.due_at is None:
        return f"{ended} Nothing more happens by itself; should it go on, the gateway tells us."
    return f"{ended} {_asked(dispute, now)}{_trouble(dispute)}"


def _asked(dispute: Dispute, now: datetime) -> str:
    asked = f"Gateway {dispute.gateway} is asked how it stands"
    if dispute.claimed_until is not None and dispute.claimed_until > now:
        return f"{asked} at this moment."
    if dispute.due_at is None:
        return f"{asked} once recovery has found it, within minutes."
    if dispute.due_at <= now:
        return f"{asked} as soon as a worker is free; that is due since {span(now - dispute.due_at)}."
    return f"{asked} in {span(dispute.due_at - now)}, {utc(dispute.due_at)}, or when it tells us of a change."


def _trouble(dispute: Dispute) -> str:
    return f" The last time nothing was learnt: {words.of_trouble(dispute.trouble)}." if dispute.trouble else ""
