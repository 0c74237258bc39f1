"""Takes due payments and writes down what is about to be done, before anything is done.

One short transaction: due rows are locked (skipping those another worker holds), their lease and fence are set, and
the attempt to be sent is committed with them. A worker that dies afterwards leaves a payment that becomes due again
when the lease ends. Whoever claims it then first writes down that the outcome of its attempt is unknown: should the
first worker only have slept, its "I did not send it" comes too late to be believed.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Final

from django.db import connection, transaction
from django.db.models.functions import Now

from payments import audit
from payments.audit import Because
from payments.bulk import insert_each, update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import Attempt, AuditEntry, Payment
from payments.reliability.calls import budget
from payments.reliability.gateways import capabilities_of, preferred_gateway
from payments.states import OPEN_OR_SUCCEEDED, AttemptState, PaymentStatus

CLAIM_FIELDS: Final = (
    *("status", "gateway", "action_url", "outcome_unknown", "review_reason", "fence"),
    *("due_at", "claimed_until", "processed_at", "updated_at"),
)
# How long a payment whose claim raised waits until it is tried again.
POSTPONE_BY: Final = timedelta(minutes=5)
ATTEMPT_FIELDS: Final = ("state", "reason", "sends", "last_sent_at", "not_found_at")
# The same key is sent at most this often. Each send opens the window for a late execution anew, so sending for ever
# would mean that "it did not happen" could never be proven.
MOST_SENDS: Final = 4
# A key is not used again in its last hour: the gateway's clock is not ours (references: gateway outcomes, rule 3).
KEY_LIFE_MARGIN: Final = timedelta(hours=1)


class Step(Enum):
    """What a claimed payment needs next."""

    CHARGE = auto()
    LOOK_UP = auto()


@dataclass(frozen=True, slots=True)
class Work:
    """One call to make. `attempt` is committed as sent.

    fence, asked_at: the claim's number and its time by the database's clock; what is heard is judged by them.
    may_send: after a look-up that finds nothing, the attempt may be sent again; committed as sent once more, too.
    must_void: the payment's time is over; a charge that still waits for the customer is to be voided.
    """

    step: Step
    payment: Payment
    attempt: Attempt
    fence: int
    asked_at: datetime
    may_send: bool = True
    must_void: bool = False


def lease() -> timedelta:
    """Return how long a claim holds: longer than all its calls can take, and what they bring needs to be applied."""
    return timedelta(seconds=budget() + 10)


def anything_due() -> bool:
    """Say cheaply, without any lock, whether a claim would find something."""
    return Payment.objects.filter(due_at__lte=Now()).exists()


def due_ids(limit: int) -> list[str]:
    """Return the ids of the payments that have been due the longest."""
    return list(Payment.objects.filter(due_at__lte=Now()).order_by("due_at").values_list("pk", flat=True)[:limit])


def postpone(payment_id: str) -> None:
    """Put a payment that cannot be claimed out of the others' way for a while; nothing else about it changes."""
    Payment.objects.filter(pk=payment_id).update(due_at=Now() + POSTPONE_BY)


def claim(limit: int, because: Because, only: str = "") -> list[Work]:
    """Claim up to `limit` due payments, or `only` that one, and return the calls to make for them."""
    with transaction.atomic():
        payments = list(_lock_due(limit, only))
        if not payments:
            return []
        now = database_now()
        attempts = _attempts_of(payments)
        entries: list[AuditEntry] = []
        work = []
        for payment in payments:
            payment.fence += 1
            payment.due_at = payment.claimed_until = now + lease()
            payment.updated_at = now
            item = _next_step(payment, attempts.get(payment.pk, []), now, because, entries)
            if item is not None:
                work.append(item)
        insert_each([item.attempt for item in work if item.step is Step.CHARGE])
        update_each([item.attempt for item in work if item.step is Step.LOOK_UP], ATTEMPT_FIELDS)
        update_each(payments, CLAIM_FIELDS)
        insert_each(entries)
        if __debug__:
            _reach("committing", entries)
    if __debug__:
        _reach("committed", entries)
    return work


def _reach(moment: str, entries: list[AuditEntry]) -> None:
    reach(f"claim.{moment}")
    if any(entry.action == "payment.expired" for entry in entries):
        reach(f"expire.{moment}")


def _lock_due(limit: int, only: str) -> "list[Payment]":
    due = Payment.objects.filter(due_at__lte=Now()).order_by("due_at")
    if only:
        due = due.filter(pk=only)
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, no_key=True)
    # Elsewhere the transaction itself holds the one write lock (settings: IMMEDIATE).
    return list(due[:limit])


def _attempts_of(payments: list[Payment]) -> dict[str, list[Attempt]]:
    """Return the attempts of those payments that can have any."""
    found: dict[str, list[Attempt]] = {}
    older = [payment.pk for payment in payments if payment.fence > 0]
    if older:
        for attempt in Attempt.objects.filter(payment_id__in=older, kind="charge").order_by("number"):
            found.setdefault(attempt.payment_id, []).append(attempt)
    return found


def _next_step(
    payment: Payment, attempts: list[Attempt], now: datetime, because: Because, entries: list[AuditEntry]
) -> Work | None:
    still_open = next((attempt for attempt in attempts if attempt.state in OPEN_OR_SUCCEEDED), None)
    if still_open is not None:
        return _ask_again(payment, still_open, now, because, entries)
    if payment.status not in {PaymentStatus.PENDING, PaymentStatus.RETRYING}:
        # A person decides; nothing is to be called.
        payment.due_at = payment.claimed_until = None
        return None
    before = payment.status
    if payment.expires_at <= now:
        payment.expire(now=now)
        entries.append(audit.payment_entry(payment, "payment.expired", because, before=before))
        return None
    attempt = _new_attempt(payment, number=len(attempts) + 1, now=now)
    payment.process(gateway=attempt.gateway)
    entries.append(audit.payment_entry(payment, "payment.processing", because, before=before, key=attempt.gateway_key))
    return Work(Step.CHARGE, payment, attempt, payment.fence, now)


def _ask_again(
    payment: Payment, attempt: Attempt, now: datetime, because: Because, entries: list[AuditEntry]
) -> Work | None:
    if attempt.state == AttemptState.SUCCEEDED:
        payment.due_at = payment.claimed_until = None
        return None
    if attempt.state == AttemptState.SENT:
        attempt.lose()
        attempt.reason = "worker_lost"
        payment.outcome_unknown = True
        entries.append(
            audit.attempt_entry(attempt, "attempt.unknown", because, before=AttemptState.SENT, reason="worker_lost")
        )
    may_send = _may_send_again(attempt, now)
    if may_send:
        attempt.sends += 1
        attempt.last_sent_at = now
        attempt.not_found_at = None
    must_void = attempt.state == AttemptState.ACTION_REQUIRED and payment.expires_at <= now and _voids(attempt)
    return Work(Step.LOOK_UP, payment, attempt, payment.fence, now, may_send, must_void)


def _voids(attempt: Attempt) -> bool:
    capabilities = capabilities_of(attempt.gateway)
    return capabilities is not None and capabilities.voids


def _may_send_again(attempt: Attempt, now: datetime) -> bool:
    """Say whether the same key may be sent once more: the gateway still knows it, and it can bring a new answer."""
    if attempt.state != AttemptState.UNKNOWN or attempt.sends >= MOST_SENDS:
        return False
    capabilities = capabilities_of(attempt.gateway)
    if capabilities is None:
        return False
    if capabilities.replays_errors and attempt.reason == "server_error_replayed":
        return False
    return now - attempt.sent_at < timedelta(seconds=capabilities.key_life) - KEY_LIFE_MARGIN


def _new_attempt(payment: Payment, *, number: int, now: datetime) -> Attempt:
    return Attempt(
        payment=payment,
        number=number,
        gateway=preferred_gateway(),
        gateway_key=f"{payment.pk}-a{number}",
        amount=payment.amount,
        currency=payment.currency,
        token=payment.method_token,
        sent_at=now,
        last_sent_at=now,
    )
