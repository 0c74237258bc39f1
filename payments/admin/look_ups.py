"""Every look-up of a payment's charges, for whoever must decide what became of them (gateway outcomes, rule 2)."""

from dataclasses import dataclass
from typing import Final

from payments.admin import sentences
from payments.admin.formats import span, utc
from payments.models import Attempt, AuditEntry, Payment
from payments.queries import trail_of

# What is written down after each answer, or none, to the question what became of a charge.
_ACTIONS: Final = ("attempt.unknown", "attempt.sent_again", "attempt.not_found")
# A week of a gateway that never answers, asked every five minutes, makes about two and a half thousand.
MOST: Final = 5000


@dataclass(frozen=True, slots=True)
class LookUp:
    """One look, or the lost answer itself. after: how long after the charge was sent. attempt: its number."""

    time: str
    after: str
    attempt: int
    what: str
    why: str


def look_ups(payment: Payment) -> list[LookUp]:
    """Return the newest MOST look-ups, newest first, with two statements."""
    attempts = {attempt.pk: attempt for attempt in payment.attempts.all()}
    entries = trail_of(payment).filter(action__in=_ACTIONS).order_by("-id")[:MOST]
    return [_look_up(entry, attempts[entry.entity_id]) for entry in entries]


def _look_up(entry: AuditEntry, attempt: Attempt) -> LookUp:
    return LookUp(
        time=utc(entry.at),
        after=span(entry.at - attempt.sent_at),
        attempt=attempt.number,
        what=sentences.of_entry(entry),
        why=sentences.of_reason(entry.reason) if entry.reason else "",
    )
