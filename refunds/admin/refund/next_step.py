"""What happens to a refund next and when, in words (requirement G4)."""

from datetime import datetime
from typing import Final

from payments.admin import sentences
from payments.admin.formats import span, utc
from refunds.models import Refund, RefundAttempt
from refunds.states import OPEN, RefundAttemptState, RefundState

UNKNOWN: Final = (
    "Nobody knows whether the money went back. It cannot be sent again by pressing anything, and must not be given "
    "back in another way: the customer could get it twice."
)


def next_step(refund: Refund, attempts: list[RefundAttempt], now: datetime) -> str:
    """Say what happens next, at `now` by the database's clock. attempts: all of the refund's, oldest first."""
    if refund.state not in OPEN:
        return _of_ended(refund, now)
    if refund.state == RefundState.AWAITING_APPROVAL:
        return (
            f"Nothing was sent. Somebody else than {sentences.who(refund.requested_by)} must approve it until "
            f"{utc(refund.due_at)}; otherwise it lapses, and its amount can be refunded again."
        )
    still_open = next((attempt for attempt in attempts if attempt.is_open), None)
    what = _what(refund, still_open, tries=len(attempts))
    if refund.due_at is None:
        return f"{what} Nothing happens by itself: a person must find out."
    if refund.due_at <= now:
        return f"{what} That is due since {span(now - refund.due_at)} and done as soon as a worker is free."
    if still_open is not None and still_open.state == RefundAttemptState.SENT:
        return f"{what} Should that worker have died, another one asks in {span(refund.due_at - now)}."
    return f"{what} Next in {span(refund.due_at - now)}, {utc(refund.due_at)}."


def _of_ended(refund: Refund, now: datetime) -> str:
    ended = f"It ended {utc(refund.finished_at)}."
    if refund.due_at is None:
        return f"Nothing more happens by itself. {ended}"
    if refund.due_at <= now:
        return f"{ended} The gateway is asked about it once more as soon as a worker is free."
    return f"{ended} The gateway is asked about it once more in {span(refund.due_at - now)}."


def _what(refund: Refund, still_open: RefundAttempt | None, *, tries: int) -> str:
    gateway = refund.gateway
    if refund.state == RefundState.UNKNOWN:
        return f"{UNKNOWN} Gateway {gateway} is asked what became of it."
    if refund.is_external:
        return f"It was made at the dashboard of gateway {gateway}, which is asked what becomes of it."
    if still_open is None:
        return f"A worker sends it to gateway {gateway}{' again, under the same key' if tries else ''}."
    if still_open.state == RefundAttemptState.PENDING:
        return f"Gateway {gateway} has taken it on and is not done; it is asked what became of it."
    return f"Gateway {gateway} has the refund, and its answer is waited for."
