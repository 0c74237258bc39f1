"""Attempts to refund, as the timelines of payment and refund show them."""

from collections.abc import Iterable
from datetime import datetime

from payments.admin.formats import utc
from payments.admin.payment.event import Event, facts_of
from payments.admin.payment.timeline import ATTEMPT
from payments.models import AuditEntry
from refunds.admin import labels, words
from refunds.models import Refund, RefundAttempt


def attempts_of(refunds: Iterable[Refund], entries: Iterable[AuditEntry]) -> list[Event]:
    """Return the attempts of `refunds`, which are prefetched; entries: of the trail, which announces each."""
    # An attempt's row is a moment older than the entry that announces it.
    announced = {
        (entry.entity_id, entry.data["attempt"]): entry.at
        for entry in entries
        if entry.action.startswith("refund.") and "attempt" in entry.data
    }
    return [
        _attempt(refund, attempt, announced.get((refund.pk, attempt.number), attempt.sent_at))
        for refund in refunds
        for attempt in in_turn(refund)
    ]


def in_turn(refund: Refund) -> list[RefundAttempt]:
    """Return the refund's prefetched attempts, oldest first."""
    return sorted(refund.attempts.all(), key=lambda attempt: attempt.number)


def _attempt(refund: Refund, attempt: RefundAttempt, at: datetime) -> Event:
    ended = words.of_attempt(attempt.state)
    return Event(
        at=at,
        rank=ATTEMPT,
        icon="undo",
        colour=labels.ATTEMPT[attempt.state],
        title=f"Refund of {refund.money}: attempt {attempt.number} was sent to {refund.gateway}: {ended}.",
        facts=facts_of(
            [
                ("Refund", refund.pk),
                ("Refund id at the gateway", attempt.gateway_reference),
                ("Our key at the gateway", refund.pk),
                ("Why", why(attempt)),
                ("The gateway's words", attempt.message),
                ("HTTP status", str(attempt.http_status or "")),
                ("Sent", f"{utc(attempt.sent_at)}{_again(attempt)}"),
                ("Finished", utc(attempt.finished_at) if attempt.finished_at else "not yet"),
                ("Look-ups", str(attempt.looks or "")),
            ]
        ),
    )


def why(attempt: RefundAttempt) -> str:
    """Return why the attempt ended as it did; empty where the state says it all."""
    code = attempt.decline_code or attempt.reason
    return words.of_code(code) if code and code != attempt.state else ""


def _again(attempt: RefundAttempt) -> str:
    return f", {attempt.sends} times, last {utc(attempt.last_sent_at)}" if attempt.sends > 1 else ""
