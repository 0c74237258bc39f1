"""One change of a locked dispute, and all that is written with it in one transaction: row, trail, events, questions."""

from typing import Any, Final

from disputes import events
from disputes.models import Dispute
from payments import audit
from payments.audit import Because
from payments.bulk import update_each
from payments.models import OperatorTask
from payments.money import Money
from payments.services import questions
from payments.services.book import Book
from payments.services.questions import Question

FIELDS: Final = (
    *("amount", "reason", "status", "respond_by", "due_at", "claimed_until", "fence", "looks", "trouble"),
    *("confirmed_at", "closed_at"),
)
_COUNTERS: Final = ["refund_reserved", "refunded", "disputed", "charged_back"]


class Change:
    """What happens to one dispute, which is locked with its payment, in the caller's transaction.

    Make the transitions, tell of each at once by `tell` or `note`, then `write` or `open`.
    """

    def __init__(self, dispute: Dispute, because: Because, book: Book) -> None:
        self.dispute, self.because, self.book = dispute, because, book
        self.now = book.now
        self._told: list[str] = []

    def tell(self, action: str, *, before: str, event: str = "", reason: str = "", **data: Any) -> None:
        """Tell of a transition of the dispute, whose status was `before`: in the trail, and to its shop."""
        self._enter(action, before, reason, data)
        self._told.append(event or events.OF_STATUS[self.dispute.status])

    def note(self, action: str, *, reason: str = "", **data: Any) -> None:
        """Tell the trail alone of something that changed no status."""
        self._enter(action, self.dispute.status, reason, data)

    def ask(self, kind: str, said: str, another: str) -> None:
        """Ask people about the dispute, once for each thing said."""
        dispute = self.dispute
        said = f"Dispute {dispute.gateway_reference}: {said}"
        question = Question(
            payment_id=dispute.payment_id,
            kind=kind,
            said=said,
            mark=said[:500],
            name=f"{dispute.gateway} dispute {dispute.gateway_reference}",
            key=f"{dispute.pk}:{dispute.fence}",
            another=f"{another}: payment {dispute.payment_id}",
        )
        questions.ask(question)

    def open(self) -> None:
        """Write a new dispute."""
        # The trigger on this row freezes the payment.
        self.dispute.save(force_insert=True)
        self._publish()

    def write(self) -> None:
        """Write the dispute; trail and events are written by the book."""
        update_each([self.dispute], FIELDS)
        self._publish()

    def exposure(self) -> str:
        """Return in words how much may be lost twice; empty where nothing was or may have been refunded.

        Call it after the dispute is written, as it counts the payment's open disputes.
        """
        payment = self.dispute.payment
        if not payment.refund_reserved:
            return ""
        refunded, disputed = (Money(part, payment.currency) for part in (payment.refund_reserved, payment.disputed))
        beyond = payment.refund_reserved + payment.disputed + payment.charged_back - payment.amount
        over = f"; together more than captured by {Money(beyond, payment.currency)}" if beyond > 0 else ""
        return f"{refunded} refunded or being refunded, {disputed} disputed{over}."

    def warn_of_double_loss(self) -> None:
        """Ask people where refunds and disputes together take more than was captured."""
        payment = self.dispute.payment
        if payment.refund_reserved + payment.disputed + payment.charged_back > payment.amount:
            said = f"{self.exposure()} Answer the dispute with the refunds."
            self.ask(OperatorTask.Kind.DOUBLE_LOSS, said, "Refunded and disputed again")

    def _enter(self, action: str, before: str, reason: str, data: dict[str, Any]) -> None:
        dispute = self.dispute
        self.book.entries.append(
            audit.entry(
                *(dispute.payment_id, dispute.pk, action, self.because),
                before=before,
                after=dispute.status,
                reason=reason,
                **data,
            )
        )

    def _publish(self) -> None:
        """Make the events of what was told, with the payment's counters as the database has made them."""
        payment = self.dispute.payment
        payment.refresh_from_db(fields=_COUNTERS)
        if not self._told:
            return
        payment.updated_at = self.now
        for type_ in self._told:
            self.book.events.append(events.of_dispute(payment, self.dispute, type_, self.now))
        self._told.clear()
        update_each([payment], ("events_written", "updated_at"))
