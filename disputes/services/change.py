"""One change of a locked dispute, and all that is written with it in one transaction: row, trail, events, questions."""

from typing import Any, Final

from disputes import events
from disputes.models import Dispute
from disputes.services import closing
from disputes.states import DisputeStatus
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
# What people can do about a double loss; nothing about a dispute that was won or is none.
_ADVICE: Final = {
    DisputeStatus.NEEDS_RESPONSE.value: "Answer the dispute with the refunds.",
    DisputeStatus.LOST.value: "The dispute is over: ask for the refund back, or write the difference off.",
}
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
        said = self._named(said)
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
        sums = [(payment.refund_reserved, "refunded or being refunded"), (payment.disputed, "disputed")]
        sums.append((payment.charged_back, "lost to disputes"))
        parts = ", ".join(f"{Money(part, payment.currency)} {what}" for part, what in sums if part)
        beyond = payment.refund_reserved + payment.disputed + payment.charged_back - payment.amount
        over = f"; together more than captured by {Money(beyond, payment.currency)}" if beyond > 0 else ""
        return f"{parts}{over}."

    def warn_of_double_loss(self) -> None:
        """Ask people where refunds and this dispute, open or lost, together take more than was captured.

        The same is asked again where the machine closed it meanwhile, as after a dispute that was won and goes on.
        """
        payment, advice = self.dispute.payment, _ADVICE.get(self.dispute.status)
        if advice is None or payment.refund_reserved + payment.disputed + payment.charged_back <= payment.amount:
            return
        said = f"{self.exposure()} {advice}"
        if closed_at := closing.closed_with(payment, OperatorTask.Kind.DOUBLE_LOSS, self._named(said)):
            said = f"{said} It is so again since the task of {closed_at:%Y-%m-%d %H:%M:%S.%f} UTC was closed."
        self.ask(OperatorTask.Kind.DOUBLE_LOSS, said, "Refunded and disputed again")

    def end(self, *, before: str) -> None:
        """Close what people were asked about the dispute, which has ended and was `before`; after it is written."""
        dispute = self.dispute
        closing.close_received(dispute.payment, self.now)
        closing.close_double_loss(dispute.payment, dispute, self.now)
        if dispute.status == DisputeStatus.LOST != before:
            closing.close_replaced(dispute, self.now)

    def ask_for_answer(self) -> None:
        """Ask people to answer the dispute, which goes on after it had ended: the earlier task was closed."""
        due = self.dispute.respond_by
        by = f"{due:%Y-%m-%d %H:%M} UTC" if due else "unknown"
        said = f"it goes on since {self.now:%Y-%m-%d %H:%M:%S.%f} UTC after it had ended; evidence due {by}."
        self.ask(OperatorTask.Kind.DISPUTE_RECEIVED, said, "A dispute goes on")

    def _named(self, said: str) -> str:
        return f"Dispute {self.dispute.gateway_reference}: {said}"

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
