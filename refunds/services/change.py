"""One change of a locked refund, and all that is written with it in one transaction: rows, trail, books, events."""

from collections.abc import Sequence
from typing import Any, Final

from payments import audit, ledger
from payments.audit import Because
from payments.bulk import insert_each, update_each
from payments.gateways.base import Kind, Outcome
from payments.models import OperatorTask
from payments.services.book import Book
from refunds import events
from refunds.models import Refund, RefundAttempt
from refunds.states import RefundState

REFUND_FIELDS: Final = (
    *("state", "error_code", "message", "gateway_reference"),
    *("approved_by", "approved_at", "decision"),
    *("due_at", "claimed_until", "fence", "updated_at", "finished_at"),
)
ATTEMPT_FIELDS: Final = (
    *("state", "gateway_reference", "reason", "decline_code", "message", "http_status"),
    *("sends", "last_sent_at", "looks", "not_found_at", "finished_at"),
)
_COUNTERS: Final = ["refund_reserved", "refunded", "disputed", "charged_back", "events_written"]
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

    Make the transitions, tell of each at once by `tell` and the like, then `write`.
    """

    def __init__(self, refund: Refund, because: Because, book: Book) -> None:
        self.refund, self.because, self.book = refund, because, book
        self.now = book.now
        self._told: list[str] = []
        self._attempts: dict[str, RefundAttempt] = {}
        self._new: list[RefundAttempt] = []

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
        self._told.append(event or events.OF_STATE[refund.state])

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
        self._attempts[attempt.pk] = attempt

    def begin(self, attempt: RefundAttempt) -> None:
        """Write a new attempt, which is about to be sent."""
        self._new.append(attempt)

    def gave_back(self) -> None:
        """Book that the money is with the customer."""
        self.book.postings.append(ledger.refunded(self.refund))

    def came_back(self) -> None:
        """Book that the money came back."""
        self.book.postings.append(ledger.refund_bounced(self.refund))

    def ask_people(self, kind: str, outcome: Outcome) -> None:
        """Open a task about the refund's payment, with what the gateway said."""
        why = "" if outcome.reason == outcome.kind else f": {outcome.decline_code or outcome.reason}"
        which = f" There it is {outcome.reference}." if outcome.reference else ""
        self.ask(kind, f"{_SAID.get(outcome.kind, 'No usable answer came')}{why}.{which} {outcome.message}")

    def ask(self, kind: str, detail: str) -> None:
        """Open a task about the refund's payment."""
        detail = f"Refund {self.refund.pk} of {self.refund.money}: {detail}".strip()
        self.book.tasks.append(OperatorTask(payment_id=self.refund.payment_id, kind=kind, detail=detail[:500]))

    def write(self) -> None:
        """Write the refund and its attempts; trail, books and tasks stay in the book for the caller to write."""
        self.refund.updated_at = self.now
        insert_each(self._new)
        update_each(list(self._attempts.values()), ATTEMPT_FIELDS)
        update_each([self.refund], REFUND_FIELDS)
        self.publish()

    def publish(self) -> None:
        """Make the events of what was told, with the payment's counters as the database has made them."""
        if not self._told:
            return
        payment = self.refund.payment
        # Events of other refunds of this payment in the same transaction are counted already.
        written = payment.events_written
        payment.refresh_from_db(fields=_COUNTERS)
        payment.events_written = max(payment.events_written, written)
        payment.updated_at = self.now
        for type_ in self._told:
            self.book.events.append(events.of_refund(payment, self.refund, type_, self.now))
        self._told.clear()
        update_each([payment], ("events_written", "updated_at"))


def close_questions(refunds: Sequence[Refund], book: Book) -> None:
    """Close the questions whether `refunds` went out, where nothing about their payments is unknown any more."""
    ids = {refund.payment_id for refund in refunds}
    still = Refund.objects.filter(payment_id__in=ids, state=RefundState.UNKNOWN).values_list("payment_id", flat=True)
    answered = ids - set(still)
    if answered:
        moot = OperatorTask.objects.filter(kind=OperatorTask.Kind.REFUND_UNKNOWN, closed_at__isnull=True)
        moot.filter(payment_id__in=answered).update(
            closed_at=book.now, closed_by="paysite", resolution="The gateway answered."
        )
