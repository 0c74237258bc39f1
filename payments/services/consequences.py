"""What follows for a payment from an outcome of its attempt: one function per kind of outcome.

Two rules run through all of them: a better answer replaces a worse one and never the reverse, and only proof that
nothing was charged (`not_sent`, `declined`, `not_found` by rule) lets a payment go on without that attempt.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django_fsm import can_proceed

from payments import audit, ledger
from payments.declines import decline
from payments.gateways.base import Kind
from payments.models import Attempt, OperatorTask, Payment
from payments.reliability import ladder
from payments.reliability.proof import is_proven_absent, next_wait
from payments.reliability.retry import PEOPLE_AFTER, Chance
from payments.services import go_on, messages, success
from payments.services.book import learn
from payments.states import AttemptState

if TYPE_CHECKING:
    from payments.services.book import Book, Heard

# A customer on the bank's confirmation page usually comes back to us; where nobody does, we ask this often, in seconds.
ACTION_POLL: Final = 30
TASK_KINDS: Final = OperatorTask.Kind
# Which question an alert asks; a definite answer that comes with one (two charges under one key) is a contradiction.
ALERTS: Final = {
    Kind.UNKNOWN: TASK_KINDS.MISMATCH,
    Kind.REJECTED: TASK_KINDS.REJECTED,
    Kind.NOT_SENT: TASK_KINDS.REJECTED,
}


def of(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    """Let `heard` take effect on the locked `payment` and its `attempt`; what to write besides goes into `book`."""
    outcome = heard.outcome
    if heard.looked:
        attempt.looks += 1
    if heard.looked and heard.sent:
        book.entries.append(
            audit.attempt_entry(attempt, "attempt.sent_again", heard.because, before=attempt.state, send=attempt.sends)
        )
    if outcome.alert:
        book.ask_people(payment, ALERTS.get(outcome.kind, TASK_KINDS.CONTRADICTION), outcome)
    if outcome.kind == Kind.SUCCEEDED:
        success.of(payment, attempt, heard, book)
    elif outcome.kind == Kind.VOIDED:
        _voided(payment, attempt, heard, book)
    elif outcome.kind == Kind.DECLINED:
        _declined(payment, attempt, heard, book, chance)
    elif outcome.kind == Kind.ACTION_REQUIRED:
        _action_required(payment, attempt, heard, book)
    elif attempt.state == AttemptState.SENT and outcome.kind == Kind.NOT_SENT:
        _not_sent(payment, attempt, heard, book, chance)
    elif attempt.state == AttemptState.SENT and outcome.kind == Kind.REJECTED:
        _rejected(payment, attempt, heard, book)
    else:
        # Anything else teaches nothing about an attempt that may have happened.
        _unknown(payment, attempt, heard, book, chance)


def _declined(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    if not can_proceed(attempt.decline):
        return
    before = attempt.state
    attempt.decline(now=book.now)
    learn(attempt, heard.outcome)
    code = heard.outcome.decline_code
    book.entries.append(audit.attempt_entry(attempt, "attempt.declined", heard.because, before=before, reason=code))
    if not decline(code, attempt.gateway).is_mapped:
        book.unmapped.append((attempt.gateway, code))
    _go_on(payment, attempt, heard, book, chance)


def _voided(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    """The charge is undone at the gateway: by us at expiry, or by somebody there."""
    another = attempt.gateway_reference not in {"", heard.outcome.reference}
    if another or not can_proceed(attempt.void):
        return
    before = attempt.state
    attempt.void(now=book.now)
    learn(attempt, heard.outcome)
    book.entries.append(audit.attempt_entry(attempt, "attempt.voided", heard.because, before=before))
    if before == AttemptState.SUCCEEDED:
        _taken_back(payment, attempt, heard, book)
    elif payment.expires_at <= book.now and can_proceed(payment.expire):
        book.answered.append(payment.pk)
        go_on.expire(payment, heard.because, book)
    else:
        _fail(payment, "charge_voided", heard, book)


def _taken_back(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    """A paid payment lost its money at the gateway: whether the shop delivers is for people to say."""
    book.postings.append(ledger.voided(attempt))
    was = payment.status
    payment.review(reason="taken_back", due_at=None)
    book.moved(payment, "payment.review", heard.because, before=was, reason="taken_back")
    book.ask_people(payment, TASK_KINDS.TAKEN_BACK, heard.outcome)


def _action_required(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    look_at = book.now + timedelta(seconds=ACTION_POLL)
    if attempt.gateway_reference not in {"", heard.outcome.reference} and heard.outcome.reference:
        # A second charge of this attempt, which nobody will be asked to confirm, and which must not be confirmed.
        success.unwanted(payment, attempt, heard, book)
        return
    if not can_proceed(attempt.require_action):
        # Still waiting for the customer: ask again later.
        if attempt.state == AttemptState.ACTION_REQUIRED:
            payment.due_at = look_at
        return
    before, was = attempt.state, payment.status
    attempt.require_action()
    learn(attempt, heard.outcome)
    book.entries.append(audit.attempt_entry(attempt, "attempt.action_required", heard.because, before=before))
    payment.require_action(url=heard.outcome.action_url, look_at=look_at)
    if payment.queued_at is not None:
        # The customer was told that there is nothing to do, and is not looking at any page.
        book.owe(messages.confirm(payment, book.now))
    book.moved(payment, "payment.action_required", heard.because, before=was)


def _not_sent(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    before = attempt.state
    attempt.prove_not_sent(now=book.now)
    learn(attempt, heard.outcome)
    if heard.outcome.retry_after:
        attempt.retry_at = book.now + timedelta(seconds=heard.outcome.retry_after)
    reason = heard.outcome.reason
    book.entries.append(audit.attempt_entry(attempt, "attempt.not_sent", heard.because, before=before, reason=reason))
    _go_on(payment, attempt, heard, book, chance)


def _rejected(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    before = attempt.state
    attempt.reject(now=book.now)
    learn(attempt, heard.outcome)
    reason = heard.outcome.reason
    book.entries.append(audit.attempt_entry(attempt, "attempt.rejected", heard.because, before=before, reason=reason))
    payment.descend(ladder.KINDLY, f"{attempt.gateway} refused our request: {reason}")
    _fail(payment, "gateway_rejected", heard, book)


def _unknown(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    if not attempt.is_open:
        return
    before = attempt.state
    if before == AttemptState.ACTION_REQUIRED:
        # A question that got no answer changes nothing about the customer's turn.
        payment.due_at = book.now + timedelta(seconds=ACTION_POLL)
        return
    if before == AttemptState.SENT:
        attempt.lose()
        book.lost_track(payment, attempt.pk)
    _remember(attempt, heard)
    # One edge of the state table at a time: what was believed sent until now is unknown first.
    was_unknown = before != AttemptState.SENT
    is_absent = was_unknown and heard.outcome.kind == Kind.NOT_FOUND
    if is_absent and is_proven_absent(attempt, asked_at=heard.asked_at, now=book.now):
        _not_found(payment, attempt, heard, book, chance)
        return
    reason = heard.outcome.reason
    book.entries.append(audit.attempt_entry(attempt, "attempt.unknown", heard.because, before=before, reason=reason))
    wait = next_wait(attempt, heard.outcome, looked=heard.looked, now=book.now, chance=chance)
    payment.due_at = book.now + timedelta(seconds=wait) if wait is not None else None
    age = (book.now - attempt.sent_at).total_seconds()
    if was_unknown and age >= PEOPLE_AFTER and can_proceed(attempt.give_to_people):
        _give_to_people(payment, attempt, heard, book)


def _remember(attempt: Attempt, heard: "Heard") -> None:
    """Keep what sending taught; a look-up that got no answer must not cover it."""
    if heard.sent:
        learn(attempt, heard.outcome)
    elif heard.outcome.reference:
        attempt.gateway_reference = heard.outcome.reference
    if heard.outcome.reference:
        attempt.not_found_at = None


def _not_found(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    before = attempt.state
    attempt.prove_not_found(now=book.now)
    book.entries.append(
        audit.attempt_entry(attempt, "attempt.not_found", heard.because, before=before, looks=attempt.looks)
    )
    _go_on(payment, attempt, heard, book, chance)


def _give_to_people(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book") -> None:
    before = attempt.state
    attempt.give_to_people()
    book.entries.append(
        audit.attempt_entry(attempt, "attempt.unresolved", heard.because, before=before, looks=attempt.looks)
    )
    if can_proceed(payment.review):
        was = payment.status
        payment.review(reason="unknown_too_long", due_at=payment.due_at)
        book.moved(payment, "payment.review", heard.because, before=was)
    book.ask_people(payment, TASK_KINDS.UNKNOWN_TOO_LONG, heard.outcome)


def _go_on(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    if can_proceed(payment.retry):
        go_on.after(payment, attempt, heard, book, chance)
        return
    # A person has it in hand: the machine tries nothing more, and says how it ended.
    _fail(payment, attempt.decline_code or "gateway_unavailable", heard, book)


def _fail(payment: Payment, code: str, heard: "Heard", book: "Book") -> None:
    if not can_proceed(payment.fail):
        return
    was = payment.status
    payment.fail(code=code, now=book.now)
    book.answered.append(payment.pk)
    book.moved(payment, "payment.failed", heard.because, before=was, reason=code)
    book.owe(messages.failed(payment, book.now))
