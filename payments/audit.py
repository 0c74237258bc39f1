"""Makes entries of the audit trail; whoever makes one writes it in the transaction of the change it tells about."""

from dataclasses import dataclass
from typing import Any

from payments.models import Attempt, AuditEntry, Payment


@dataclass(frozen=True, slots=True)
class Because:
    """Who acts, and the request, job or event that makes them: written into every audit entry.

    actor: `client:3`, `operator:anna`, `worker:settle-1`, `gateway:primary`. cause: `request:…`, `job:settle`, ….
    """

    actor: str
    cause: str


def payment_entry(
    payment: Payment, action: str, because: Because, *, before: str, reason: str = "", **data: Any
) -> AuditEntry:
    """Return the entry of something that happened to `payment`, whose state was `before`."""
    return AuditEntry(
        payment_id=payment.pk,
        entity_id=payment.pk,
        action=action,
        actor=because.actor,
        cause=because.cause,
        before=before,
        after=payment.status,
        reason=reason[:200],
        data=data,
    )


def attempt_entry(
    attempt: Attempt, action: str, because: Because, *, before: str, reason: str = "", **data: Any
) -> AuditEntry:
    """Return the entry of something that happened to `attempt`, whose state was `before`."""
    return AuditEntry(
        payment_id=attempt.payment_id,
        entity_id=attempt.pk,
        action=action,
        actor=because.actor,
        cause=because.cause,
        before=before,
        after=attempt.state,
        reason=reason[:200],
        data=data,
    )
