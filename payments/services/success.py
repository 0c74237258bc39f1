"""What follows from a charge that succeeded: the payment is paid; or, where it must not be, the money goes back.

A gateway may charge twice under one key, or after it said that there was no charge (requirement C4). The first charge
that an order can take is taken, however late; every other one becomes a `SurplusCharge`, which is given back by itself.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django_fsm import can_proceed

from payments import audit, events, ledger
from payments.crash_points import reach
from payments.gateways.base import Kind, Outcome
from payments.idempotency import CHECKOUT_KEY
from payments.models import Attempt, CheckoutSession, OperatorTask, Payment, SurplusCharge
from payments.services import messages
from payments.services.book import learn
from payments.states import LIVE_OR_SUCCESSFUL, OPEN_OR_SUCCEEDED, AttemptState, PaymentStatus

if TYPE_CHECKING:
    from payments.services.book import Book, Heard

Reason = SurplusCharge.Reason
_TASK: Final = {
    Reason.DUPLICATE_CHARGE: OperatorTask.Kind.DUPLICATE_CHARGE,
    Reason.LATE_SUCCESS: OperatorTask.Kind.LATE_SUCCESS,
}
# The gateway had said, or the rules had proven, that there is no charge.
_DENIED: Final = (
    *(AttemptState.NOT_FOUND, AttemptState.NOT_SENT, AttemptState.REJECTED),
    *(AttemptState.DECLINED, AttemptState.VOIDED),
)


def of(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    """Let a success take effect on the locked `payment` and its `attempt`."""
    _one(payment, attempt, heard, heard.outcome, book)
    for other in heard.outcome.also:
        if other.kind is Kind.SUCCEEDED:
            _one(payment, attempt, heard, other, book)


def _one(payment: Payment, attempt: Attempt, heard: "Heard", outcome: Outcome, book: "Book") -> None:
    if outcome.reference and outcome.reference == attempt.gateway_reference and _is_settled(attempt):
        # Old news: it is counted, or was undone since.
        return
    if attempt.state == AttemptState.SUCCEEDED:
        _surplus(payment, attempt, Reason.DUPLICATE_CHARGE, heard, outcome, book)
        return
    is_late = attempt.state in _DENIED
    if is_late:
        book.lates.append(attempt.gateway)
    if can_proceed(attempt.succeed) and _may_become_successful(payment, attempt, book):
        _accept(payment, attempt, heard, outcome, book)
    else:
        _surplus(payment, attempt, Reason.LATE_SUCCESS, heard, outcome, book)


def _is_settled(attempt: Attempt) -> bool:
    return attempt.state in {AttemptState.SUCCEEDED, AttemptState.VOIDED}


def _may_become_successful(payment: Payment, attempt: Attempt, book: "Book") -> bool:
    """Say whether the order still waits for this money: unpaid, not called off, and nothing else under way."""
    if payment.status == PaymentStatus.CANCELED or not can_proceed(payment.succeed):
        return False
    if not attempt.is_open and payment.attempts.filter(state__in=OPEN_OR_SUCCEEDED).exists():
        return False
    if payment.status in LIVE_OR_SUCCESSFUL:
        return True
    too_late = timedelta(hours=settings.LATE_SUCCESS_HOURS)
    if payment.processed_at is not None and book.now - payment.processed_at > too_late:
        return False
    return not Payment.objects.filter(order_id=payment.order_id, status__in=LIVE_OR_SUCCESSFUL).exists()


def _accept(payment: Payment, attempt: Attempt, heard: "Heard", outcome: Outcome, book: "Book") -> None:
    before, was = attempt.state, payment.status
    late = was not in LIVE_OR_SUCCESSFUL
    attempt.succeed(now=book.now)
    learn(attempt, outcome)
    book.entries.append(audit.attempt_entry(attempt, "attempt.succeeded", heard.because, before=before))
    # A late one may be of another gateway than the last that was tried.
    payment.gateway = attempt.gateway
    payment.succeed(now=book.now)
    action = "payment.succeeded_late" if late else "payment.succeeded"
    book.moved(payment, action, heard.because, before=was, charge=attempt.gateway_reference)
    if payment.idempotency_key.startswith(CHECKOUT_KEY):
        _complete_checkout(payment, book)
    book.postings.append(ledger.capture(attempt))
    book.answered.append(payment.pk)
    book.owe(messages.paid(payment, book.now))
    if late:
        if __debug__:
            reach("late_success.accepting")
        book.ask_people(payment, OperatorTask.Kind.LATE_SUCCESS, outcome)


def _complete_checkout(payment: Payment, book: "Book") -> None:
    """Tell the shop that its checkout has come to its end; of several for one order, the newest."""
    sessions = CheckoutSession.objects.filter(order_id=payment.order_id)
    newest = sessions.select_related("order").order_by("-created_at").first()
    if newest is not None:
        book.events.append(events.of_checkout(newest, "checkout.completed", book.now, payment.pk))
        sessions.filter(ended_at__isnull=True).update(ended_at=book.now)


def unwanted(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    """Note a second charge that still waits for the customer: it is voided before it can take any money."""
    _surplus(payment, attempt, Reason.DUPLICATE_CHARGE, heard, heard.outcome, book)


def _surplus(
    payment: Payment, attempt: Attempt, reason: Reason, heard: "Heard", outcome: Outcome, book: "Book"
) -> None:
    if not outcome.reference:
        # Nothing that could be given back without a name.
        book.ask_people(payment, OperatorTask.Kind.CONTRADICTION, outcome)
        return
    same = SurplusCharge.objects.filter(gateway=attempt.gateway, gateway_reference=outcome.reference)
    if same.exists() or any(row.gateway_reference == outcome.reference for row in book.surplus):
        return
    if __debug__:
        reach("surplus.finding")
    surplus = SurplusCharge(
        payment=payment,
        attempt=attempt,
        gateway=attempt.gateway,
        gateway_reference=outcome.reference,
        amount=attempt.amount,
        currency=attempt.currency,
        reason=reason,
        taken=outcome.kind is Kind.SUCCEEDED,
        due_at=book.now,
        found_at=book.now,
    )
    book.surplus.append(surplus)
    if surplus.taken:
        book.postings.append(ledger.surplus_found(surplus))
        book.events.append(events.of_surplus(payment, surplus, "surplus.found", book.now))
    book.entries.append(
        audit.surplus_entry(surplus, "surplus.found", heard.because, before="", reason=reason, charge=outcome.reference)
    )
    if reason == Reason.DUPLICATE_CHARGE:
        book.doubles.append(attempt.gateway)
    book.ask_people(payment, _TASK[reason], outcome)
