"""What is heard about an attempt, and what one pass through the door writes besides the rows themselves."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.db.models import F

from payments import audit, events
from payments.audit import Because
from payments.bulk import insert_each
from payments.gateways.base import Kind, Outcome
from payments.models import (
    Attempt,
    AuditEntry,
    CustomerMessage,
    Event,
    GatewayWatch,
    LedgerPosting,
    OperatorTask,
    Payment,
    SurplusCharge,
)
from payments.services import messages
from payments.services.decline_rules import note_unmapped

# What a gateway's answer means, for the people who are asked. Without colons, which stand before the machine's word.
_SAID: Final[dict[Kind, str]] = {
    Kind.SUCCEEDED: "The gateway says that it charged the customer",
    Kind.DECLINED: "The gateway declined",
    Kind.ACTION_REQUIRED: "The gateway waits for the customer to confirm with the bank",
    Kind.NOT_SENT: "The gateway did not get it or did not act on it",
    Kind.UNKNOWN: "No usable answer came",
    Kind.REJECTED: "The gateway refused our request",
    Kind.NOT_FOUND: "The gateway knows of no such charge",
    Kind.VOIDED: "The gateway says that the charge is undone",
}


@dataclass(frozen=True, slots=True)
class Heard:
    """Something heard about one attempt.

    looked: the answer of a look-up; sent: the answer to sending the charge. Both are true where a look-up found
    nothing and the charge was sent again. fence: the claim under which a worker asked, None for news that came by
    itself. asked_at: the database's time of that claim; the gateway answered later than that.
    """

    attempt_id: str
    payment_id: str
    outcome: Outcome
    because: Because
    looked: bool = False
    sent: bool = True
    fence: int | None = None
    asked_at: datetime | None = None


@dataclass(slots=True)
class Book:
    """Gathers what is to be written in the transaction of the change.

    unmapped: gateways and codes of declines that nobody mapped. answered: ids of payments whose outcome is known now,
    so that nobody need find out any more. doubles, lates: names of gateways that broke a promise (GatewayWatch counts
    them).
    """

    now: datetime
    entries: list[AuditEntry] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    postings: list[LedgerPosting] = field(default_factory=list)
    tasks: list[OperatorTask] = field(default_factory=list)
    surplus: list[SurplusCharge] = field(default_factory=list)
    messages: list[CustomerMessage] = field(default_factory=list)
    unmapped: list[tuple[str, str]] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    doubles: list[str] = field(default_factory=list)
    lates: list[str] = field(default_factory=list)

    def moved(
        self, payment: Payment, action: str, because: Because, *, before: str, reason: str = "", **data: Any
    ) -> None:
        """Tell that the locked `payment`, whose order is loaded, made a transition: in the trail, and to its shop."""
        payment.updated_at = self.now
        self.entries.append(audit.payment_entry(payment, action, because, before=before, reason=reason, **data))
        self.events.append(events.of_transition(payment, self.now))

    def lost_track(self, payment: Payment, attempt_id: str) -> None:
        """Tell the shop, and if it lasts the customer, that nobody knows whether the locked `payment` was charged."""
        payment.outcome_unknown = True
        payment.updated_at = self.now
        self.events.append(events.of_lost_track(payment, self.now))
        self.owe(messages.outcome_unknown(payment, attempt_id, self.now))

    def ask_people(self, payment: Payment, kind: str, outcome: Outcome) -> None:
        """Open a task about `payment`, with what the gateway said: in words, and by the machine's word for why."""
        why = "" if outcome.reason == outcome.kind else f": {outcome.reason}"
        which = f" Its charge is {outcome.reference}." if outcome.reference else ""
        detail = f"{_SAID[outcome.kind]}{why}.{which} {outcome.message}".strip()
        self.tasks.append(OperatorTask(payment=payment, kind=kind, detail=detail[:500]))

    def owe(self, messages: Iterable[CustomerMessage]) -> None:
        """Take what the customer is owed along (payments/services/messages.py)."""
        self.messages.extend(messages)

    def write(self) -> None:
        """Write everything, in the caller's transaction."""
        insert_each(self.entries)
        insert_each(self.postings)
        insert_each(self.events)
        if self.surplus:
            SurplusCharge.objects.bulk_create(self.surplus)
        if self.messages:
            CustomerMessage.objects.bulk_create(self.messages, ignore_conflicts=True)
        if self.unmapped:
            note_unmapped(self.unmapped)
        if self.answered:
            moot = OperatorTask.objects.filter(kind=OperatorTask.Kind.UNKNOWN_TOO_LONG, closed_at__isnull=True)
            moot.filter(payment_id__in=self.answered).update(
                closed_at=self.now, closed_by="paysite", resolution="The gateway answered."
            )
        if self.tasks:
            # A question that is already open is not asked twice.
            OperatorTask.objects.bulk_create(self.tasks, ignore_conflicts=True)
        self._count("double_charges", self.doubles)
        self._count("late_charges", self.lates)

    def _count(self, column: str, gateways: Iterable[str]) -> None:
        for gateway in gateways:
            GatewayWatch.objects.get_or_create(gateway=gateway, defaults={"due_at": self.now})
            GatewayWatch.objects.filter(pk=gateway).update(**{column: F(column) + 1, "broken_at": self.now})


def learn(attempt: Attempt, outcome: Outcome) -> None:
    """Keep what the gateway said, for operators."""
    attempt.reason = outcome.reason
    attempt.decline_code = outcome.decline_code
    attempt.message = outcome.message
    attempt.http_status = outcome.http_status
    attempt.never_again = outcome.never_again
    attempt.card_brand = outcome.card_brand[:20] or attempt.card_brand
    # By its token where the gateway names no card: the same card typed again counts anew, which is all we can know.
    attempt.card_fingerprint = outcome.card_fingerprint or attempt.card_fingerprint or _fingerprint(attempt.token)
    attempt.gateway_reference = outcome.reference or attempt.gateway_reference


def _fingerprint(token: str) -> str:
    return f"token-{hashlib.sha256(token.encode()).hexdigest()[:40]}"
