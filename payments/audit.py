"""Makes entries of the audit trail; whoever makes one writes it in the transaction of the change it tells about."""

from dataclasses import dataclass
from typing import Any

from payments.models import Attempt, AuditEntry, Payment, SurplusCharge


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
    return _entry(payment.pk, payment.pk, action, because, (before, payment.status), reason, data)


def attempt_entry(
    attempt: Attempt, action: str, because: Because, *, before: str, reason: str = "", **data: Any
) -> AuditEntry:
    """Return the entry of something that happened to `attempt`, whose state was `before`."""
    return _entry(attempt.payment_id, attempt.pk, action, because, (before, attempt.state), reason, data)


def surplus_entry(
    surplus: SurplusCharge, action: str, because: Because, *, before: str, reason: str = "", **data: Any
) -> AuditEntry:
    """Return the entry of something that happened to `surplus`, whose state was `before`."""
    return _entry(surplus.payment_id, surplus.pk, action, because, (before, surplus.state), reason, data)


def entry(
    payment_id: str,
    entity_id: str,
    action: str,
    because: Because,
    *,
    before: str,
    after: str,
    reason: str = "",
    **data: Any,
) -> AuditEntry:
    """Return the entry of something that happened to `entity_id`, a refund or dispute of the payment."""
    return _entry(payment_id, entity_id, action, because, (before, after), reason, data)


def _entry(
    payment_id: str,
    entity_id: str,
    action: str,
    because: Because,
    states: tuple[str, str],
    reason: str,
    data: dict[str, Any],
) -> AuditEntry:
    before, after = states
    return AuditEntry(
        payment_id=payment_id,
        entity_id=entity_id,
        action=action,
        actor=because.actor,
        cause=because.cause,
        before=before,
        after=after,
        reason=reason[:200],
        data=data,
    )
