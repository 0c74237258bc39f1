"""Takes due payments and writes down what is about to be done, before anything is done.

One short transaction: due rows are locked (skipping those another worker holds), their lease and fence are set, and
the attempt to be sent is committed with them. A worker that dies afterwards leaves a payment that becomes due again
when the lease ends. Whoever claims it then first writes down that the outcome of its attempt is unknown: should the
first worker only have slept, its "I did not send it" comes too late to be believed.
"""

import random
from dataclasses import dataclass, field
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
from payments.reliability.breaker import Pass
from payments.reliability.calls import budget
from payments.reliability.gateways import capabilities_of
from payments.services import go_on
from payments.services.apply import PAYMENT_FIELDS
from payments.services.book import Book
from payments.services.route import Nobody, Router, Wait
from payments.states import OPEN_OR_SUCCEEDED, AttemptState, PaymentStatus

CLAIM_FIELDS: Final = (*PAYMENT_FIELDS, "fence")
# How long a payment whose claim raised waits until it is tried again.
POSTPONE_BY: Final = timedelta(minutes=5)
ATTEMPT_FIELDS: Final = ("state", "reason", "sends", "last_sent_at", "not_found_at")


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
    granted: what the gateway's circuit breaker allows, for each kind of call that may be made.
    """

    step: Step
    payment: Payment
    attempt: Attempt
    fence: int
    asked_at: datetime
    may_send: bool = True
    must_void: bool = False
    granted: dict[str, Pass] = field(default_factory=dict)


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
        claim_ = _Claim(payments, _attempts_of(payments), because)
        work = claim_.make()
        if __debug__:
            _reach("committing", claim_.book.entries)
    if __debug__:
        _reach("committed", claim_.book.entries)
    return work


def _reach(moment: str, entries: list[AuditEntry]) -> None:
    reach(f"claim.{moment}")
    if any(entry.action == "payment.expired" for entry in entries):
        reach(f"expire.{moment}")


def _lock_due(limit: int, only: str) -> "list[Payment]":
    due = Payment.objects.filter(due_at__lte=Now()).select_related("order").order_by("due_at")
    if only:
        due = due.filter(pk=only)
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, no_key=True, of=("self",))
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


class _Claim:
    """One claim: what is decided about its payments, and written together in its transaction."""

    def __init__(self, payments: list[Payment], attempts: dict[str, list[Attempt]], because: Because) -> None:
        self.book = Book(now=database_now())
        self._payments, self._attempts, self._because = payments, attempts, because
        self._asked_about: list[Attempt] = []
        self._router = Router(payments, attempts, self.book.now)

    def make(self) -> list[Work]:
        """Decide and write; return the calls to make."""
        work = []
        for payment in self._payments:
            payment.fence += 1
            payment.due_at = payment.claimed_until = self.book.now + lease()
            payment.updated_at = self.book.now
            item = self._next_step(payment, self._attempts.get(payment.pk, []))
            if item is None:
                payment.claimed_until = None
            else:
                work.append(item)
        insert_each([item.attempt for item in work if item.step is Step.CHARGE])
        update_each(self._asked_about, ATTEMPT_FIELDS)
        update_each(self._payments, CLAIM_FIELDS)
        self.book.write()
        return work

    def _next_step(self, payment: Payment, attempts: list[Attempt]) -> Work | None:
        still_open = next((attempt for attempt in attempts if attempt.state in OPEN_OR_SUCCEEDED), None)
        if still_open is not None:
            return self._ask_again(payment, still_open)
        if payment.status not in {PaymentStatus.PENDING, PaymentStatus.RETRYING}:
            # A person decides; nothing is to be called.
            payment.due_at = None
            return None
        if payment.expires_at <= self.book.now:
            go_on.expire(payment, self._because, self.book)
            return None
        return self._charge(payment, attempts)

    def _charge(self, payment: Payment, attempts: list[Attempt]) -> Work | None:
        now = self.book.now
        route = self._router.route(payment, attempts)
        if isinstance(route, Wait):
            payment.wait(at=route.at)
            return None
        if isinstance(route, Nobody):
            go_on.without_gateway(payment, attempts, route, self._because, self.book, random.random)
            return None
        attempt = Attempt(
            payment=payment,
            number=len(attempts) + 1,
            gateway=route.gateway,
            gateway_key=f"{payment.pk}-a{len(attempts) + 1}",
            amount=payment.amount,
            currency=payment.currency,
            token=payment.method_token,
            level=route.level,
            three_d_secure=route.three_d_secure,
            sent_at=now,
            last_sent_at=now,
        )
        before = payment.status
        payment.descend(route.level, route.why)
        payment.process(gateway=attempt.gateway)
        said = {"key": attempt.gateway_key, **route.said}
        self.book.moved(payment, "payment.processing", self._because, before=before, **said)
        granted = {"charge": route.granted}
        return Work(Step.CHARGE, payment, attempt, payment.fence, now, granted=granted)

    def _ask_again(self, payment: Payment, attempt: Attempt) -> Work | None:
        now, board = self.book.now, self._router.board
        if attempt.state == AttemptState.SUCCEEDED:
            payment.due_at = None
            return None
        self._asked_about.append(attempt)
        if attempt.state == AttemptState.SENT:
            self._lost(payment, attempt)
        look_up = board.admit(attempt.gateway, "look_up")
        if look_up is None:
            # Nobody answers questions there: this one is put when somebody may.
            payment.due_at = (board.next_try(attempt.gateway, "look_up") or now) + _spread()
            return None
        granted = {"look_up": look_up}
        resend = self._router.resend(attempt)
        if resend is not None:
            granted["charge"] = resend
            attempt.sends += 1
            attempt.last_sent_at = now
            attempt.not_found_at = None
        must_void = attempt.state == AttemptState.ACTION_REQUIRED and payment.expires_at <= now and _voids(attempt)
        if must_void:
            refund = board.admit(attempt.gateway, "refund")
            must_void = refund is not None
            granted |= {"refund": refund} if refund is not None else {}
        return Work(Step.LOOK_UP, payment, attempt, payment.fence, now, resend is not None, must_void, granted)

    def _lost(self, payment: Payment, attempt: Attempt) -> None:
        attempt.lose()
        attempt.reason = "worker_lost"
        self.book.lost_track(payment, attempt.pk)
        self.book.entries.append(
            audit.attempt_entry(
                attempt, "attempt.unknown", self._because, before=AttemptState.SENT, reason="worker_lost"
            )
        )


def _spread() -> timedelta:
    """Return up to ten seconds, so that what waited for a gateway does not come all at once."""
    return timedelta(seconds=10 * random.random())  # noqa: S311 - chance, not secrecy


def _voids(attempt: Attempt) -> bool:
    capabilities = capabilities_of(attempt.gateway)
    return capabilities is not None and capabilities.voids
