"""One change of a locked refund, and all that is written with it in one transaction: rows, trail, books, events."""

from collections.abc import Sequence
from typing import Any, Final

from payments import audit, ledger
from payments.audit import Because
from payments.bulk import insert_each, update_each
from payments.gateways.base import Kind, Outcome
from payments.models import Payment
from payments.services import questions
from payments.services.book import Book
from payments.services.questions import Question
from refunds import events
from refunds.models import Refund, RefundAttempt
from refunds.services import closing
from refunds.states import RefundAttemptState

REFUND_FIELDS: Final = (
    *("state", "error_code", "message", "gateway_reference"),
    *("approved_by", "approved_at", "decision"),
    *("due_at", "claimed_until", "fence", "updated_at", "finished_at"),
)
ATTEMPT_FIELDS: Final = (
    *("state", "gateway_reference", "reason", "decline_code", "message", "http_status"),
    *("sends", "last_sent_at", "looks", "not_found_at", "finished_at"),
)
# What triggers have changed of a payment since it was read under its lock.
_COUNTERS: Final = ("refund_reserved", "refunded", "disputed", "charged_back")
# Characters by which a question is known again.
_MARK: Final = 200
# What the gateway said about a refund, for the people who are asked.
_SAID: Final[dict[Kind, str]] = {
    Kind.SUCCEEDED: "The gateway says that it gave the money back",
    Kind.PENDING: "The gateway has it and is not done",
    Kind.DECLINED: "The gateway does not give the money back",
    Kind.NOT_SENT: "The gateway did not get it or did not act on it",
    Kind.UNKNOWN: "No usable answer came",
    Kind.REJECTED: "The gateway refused our request",
    Kind.NOT_FOUND: "The gateway knows of no such refund",
}


class Change:
    """What happens to one refund, which is locked with its payment, in the caller's transaction.

    Make the transitions, tell of each at once by `tell` and the like, then `write`. told: the types of the events to be
    made; answers: it may answer a question that people were asked; reached: the customer has the money now.
    """

    def __init__(self, refund: Refund, because: Because, book: Book) -> None:
        self.refund, self.because, self.book = refund, because, book
        self.now = book.now
        self.told: list[str] = []
        self.attempts: dict[str, RefundAttempt] = {}
        self.new_attempts: list[RefundAttempt] = []
        self.questions: list[Question] = []
        self.answers = False
        self.reached = False

    def tell(self, action: str, *, before: str, event: str = "", reason: str = "", **data: Any) -> None:
        """Tell of a transition of the refund, whose state was `before`: in the trail, and to its shop."""
        refund = self.refund
        self.book.entries.append(
            audit.entry(
                *(refund.payment_id, refund.pk, action, self.because),
                before=before,
                after=refund.state,
                reason=reason,
                **data,
            )
        )
        self.told.append(event or events.OF_STATE[refund.state])

    def note(self, action: str, *, reason: str = "", **data: Any) -> None:
        """Tell the trail alone of something that changed no state."""
        refund = self.refund
        told = audit.entry(
            *(refund.payment_id, refund.pk, action, self.because),
            before=refund.state,
            after=refund.state,
            reason=reason,
            **data,
        )
        self.book.entries.append(told)

    def attempted(self, attempt: RefundAttempt, *, before: str, reason: str = "", **data: Any) -> None:
        """Tell of a transition of `attempt`, and write it."""
        action = f"refund_attempt.{attempt.state}"
        self.answers = self.answers or before == RefundAttemptState.UNRESOLVED
        refund = self.refund
        self.book.entries.append(
            audit.entry(
                *(refund.payment_id, attempt.pk, action, self.because),
                before=before,
                after=attempt.state,
                reason=reason,
                refund=refund.pk,
                **data,
            )
        )
        self.keep(attempt)

    def keep(self, attempt: RefundAttempt) -> None:
        """Write `attempt` too, although no state of it changed."""
        self.attempts[attempt.pk] = attempt

    def begin(self, attempt: RefundAttempt) -> None:
        """Write a new attempt, which is about to be sent."""
        self.new_attempts.append(attempt)

    def gave_back(self) -> None:
        """Book that the money is with the customer."""
        self.book.postings.append(ledger.refunded(self.refund))

    def came_back(self) -> None:
        """Book that the money came back."""
        self.book.postings.append(ledger.refund_bounced(self.refund))

    def ask_people(self, kind: str, outcome: Outcome, first: str = "") -> None:
        """Open a task about the refund's payment, with what the gateway said after the words `first`."""
        why = "" if outcome.reason == outcome.kind else f": {outcome.decline_code or outcome.reason}"
        which = f" There it is {outcome.reference}." if outcome.reference else ""
        self.ask(kind, f"{first}{_SAID.get(outcome.kind, 'No usable answer came')}{why}.{which} {outcome.message}")

    def ask(self, kind: str, detail: str) -> None:
        """Open a task about the refund's payment."""
        detail = f"Refund {self.refund.pk} of {self.refund.money}: {detail}".strip()
        self.questions.append(
            Question(
                payment_id=self.refund.payment_id,
                kind=kind,
                said=detail[:500],
                # The same about the same refund is asked once; about another refund of the payment it joins the task.
                mark=detail[:_MARK],
                name=f"refund {self.refund.pk}",
                key=self.refund.pk,
                another=f"Another refund of payment {self.refund.payment_id}",
            )
        )

    def write(self) -> None:
        """Write the refund and its attempts; trail, books and messages stay in the book for the caller to write."""
        write_all([self])

    def publish(self) -> None:
        """Make the events of what was told about a new refund, and ask people what is to be asked."""
        _publish([self])
        _ask([self])


def write_all(changes: Sequence[Change]) -> None:
    """Write `changes`, of as many refunds, with one statement per table; the caller writes the book they share."""
    for change in changes:
        change.refund.updated_at = change.now
    insert_each([attempt for change in changes for attempt in change.new_attempts])
    update_each([attempt for change in changes for attempt in change.attempts.values()], ATTEMPT_FIELDS)
    update_each([change.refund for change in changes], REFUND_FIELDS)
    _publish(changes)
    _ask(changes)
    if answered := [change for change in changes if change.answers]:
        closing.close_unknown({change.refund.payment_id for change in answered}, answered[0].now)
    for change in changes:
        if change.reached:
            closing.close_failed(change.refund, change.now)


def _publish(changes: Sequence[Change]) -> None:
    """Make the events of what was told, with the payments' counters as the database has made them by now."""
    payments = {change.refund.payment_id: change.refund.payment for change in changes if change.told}
    if not payments:
        return
    for row in Payment.objects.filter(pk__in=payments).values("pk", *_COUNTERS):
        payment = payments[row["pk"]]
        for name in _COUNTERS:
            setattr(payment, name, row[name])
    for change in changes:
        payment = change.refund.payment
        for type_ in change.told:
            payment.updated_at = change.now
            change.book.events.append(events.of_refund(payment, change.refund, type_, change.now))
        change.told.clear()
    update_each(list(payments.values()), ("events_written", "updated_at"))


def _ask(changes: Sequence[Change]) -> None:
    for change in changes:
        for question in change.questions:
            questions.ask(question)
        change.questions.clear()
