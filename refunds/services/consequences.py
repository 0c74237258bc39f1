"""What follows for a refund from an outcome: one function per kind of outcome.

As for payments, a better answer replaces a worse one and never the reverse, and only proof that nothing was given back
lets a refund fail, be sent once more, or release what it had reserved.
"""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from django_fsm import can_proceed

from payments.gateways.base import Kind, Outcome
from payments.models import OperatorTask
from payments.reliability.proof import is_proven_absent, next_wait
from payments.reliability.retry import PEOPLE_AFTER, UNANSWERED_AGAIN, Chance
from payments.services import messages
from refunds.models import RefundAttempt
from refunds.services.change import Change
from refunds.services.returns import has_come_back
from refunds.states import OPEN, RefundAttemptState, RefundState

if TYPE_CHECKING:
    from refunds.services.heard import Heard

Tasks = OperatorTask.Kind
# Which question an alert asks; a definite answer that comes with one is a contradiction.
ALERTS: Final = {Kind.REJECTED: Tasks.REJECTED, Kind.NOT_SENT: Tasks.REJECTED}
# Seconds until a refund that was provably not sent is sent again, by the number of attempts; the last for ever after.
AGAIN: Final = (5, 15, 30, 60, 300)
# After so many attempts a person is told, too.
PEOPLE_AFTER_ATTEMPTS: Final = 10
# Seconds until a refund that failed is asked about again, which the gateway says is under way.
UNDER_WAY_AGAIN: Final = 3600
# A refund that was made at the gateway itself and is not done after so many seconds is a person's business: where the
# gateway has it, later than where it finds nothing.
EXTERNAL_PENDING: Final = 7 * 24 * 3600
_GOES_ON: Final = (
    f"{PEOPLE_AFTER_ATTEMPTS} tries did not reach the gateway. It goes on by itself: pay nothing by hand and ask for "
    "no other refund, or the customer gets the money twice. "
)


def is_anothers(change: Change, heard: "Heard") -> "Heard":
    """Ask people about news whose reference is that of another refund; return what it proves of this one: nothing."""
    change.ask_people(Tasks.REFUND_MISMATCH, heard.outcome)
    return replace(heard, outcome=Outcome(Kind.UNKNOWN, "reference_of_another"))


def of(change: Change, attempt: RefundAttempt | None, heard: "Heard", chance: Chance) -> None:
    """Let `heard` take effect on the locked refund of `change` and its `attempt`."""
    outcome, refund = heard.outcome, change.refund
    if attempt is not None and heard.looked:
        attempt.looks += 1
    if outcome.alert or outcome.also:
        change.ask_people(ALERTS.get(outcome.kind, Tasks.REFUND_MISMATCH), outcome)
    if outcome.kind == Kind.SUCCEEDED:
        _succeeded(change, attempt, heard)
    elif outcome.kind == Kind.DECLINED:
        _declined(change, attempt, heard)
    elif refund.state not in OPEN:
        _ask_again_later(change, outcome)
    elif outcome.kind == Kind.PENDING:
        _pending(change, attempt, heard, chance)
    elif attempt is None:
        _external_later(change, people_after=PEOPLE_AFTER)
    elif attempt.state == RefundAttemptState.SENT and outcome.kind == Kind.NOT_SENT:
        _not_sent(change, attempt, outcome)
    elif attempt.state == RefundAttemptState.SENT and outcome.kind == Kind.REJECTED:
        _rejected(change, attempt, outcome)
    else:
        _unknown(change, attempt, heard, chance)


def _succeeded(change: Change, attempt: RefundAttempt | None, heard: "Heard") -> None:
    refund, outcome = change.refund, heard.outcome
    if refund.state == RefundState.SUCCEEDED:
        refund.due_at = None
        if outcome.reference not in {"", refund.gateway_reference}:
            change.ask_people(Tasks.REFUND_MISMATCH, outcome)
        return
    if refund.state == RefundState.REQUESTED:
        # Nobody here remembers to have sent it, as after a restored database. One edge of the state table at a time: it
        # is under way, and looked up at once.
        refund.gateway_reference = outcome.reference
        _taken_on(change)
        refund.due_at = change.now
        return
    is_dead = attempt is not None and not can_proceed(attempt.succeed)
    if not can_proceed(refund.succeed) or is_dead or has_come_back(refund):
        refund.due_at = None
        change.ask_people(Tasks.REFUND_MISMATCH, outcome)
        return
    payment = refund.payment
    if refund.state == RefundState.FAILED and payment.refund_reserved + refund.amount > payment.amount:
        # What it had released has been given to others: more than the capture went back.
        refund.due_at = None
        change.ask_people(Tasks.REFUND_MISMATCH, outcome)
        return
    if attempt is not None:
        before = attempt.state
        attempt.succeed(now=change.now)
        _learn(attempt, outcome)
        change.attempted(attempt, before=before)
    was = refund.state
    refund.succeed(now=change.now)
    refund.gateway_reference = outcome.reference or refund.gateway_reference
    refund.message = outcome.message
    change.gave_back()
    change.reached = True
    change.answers = change.answers or attempt is None
    action = "refund.succeeded_late" if was == RefundState.FAILED else "refund.succeeded"
    change.tell(action, before=was, reference=refund.gateway_reference)
    change.book.owe(messages.refunded(payment, refund.pk, change.now))
    if payment.disputed or payment.refunded + refund.amount + payment.charged_back > payment.amount:
        change.ask(Tasks.DOUBLE_LOSS, "It went out, and the customer disputes the charge as well. Answer with it.")
    if was == RefundState.FAILED and not (heard.looked and heard.fence == refund.fence):
        # News may come in the wrong order, a return before the success that it undoes: the gateway knows which is last.
        refund.due_at = change.now


def _declined(change: Change, attempt: RefundAttempt | None, heard: "Heard") -> None:
    """The gateway refuses; or the money had gone out, and came back."""
    refund, outcome = change.refund, heard.outcome
    if refund.state not in OPEN:
        refund.due_at = None
    if not can_proceed(refund.fail):
        return
    bounced = refund.state == RefundState.SUCCEEDED
    change.answers = change.answers or attempt is None
    if attempt is not None:
        move = attempt.bounce if bounced else attempt.decline
        if not can_proceed(move):
            return
        before = attempt.state
        move(now=change.now)
        _learn(attempt, outcome)
        change.attempted(attempt, before=before, reason=outcome.decline_code)
    if bounced:
        change.came_back()
        change.book.owe(messages.refund_failed(refund.payment, refund.pk, change.now))
    _fail(change, outcome.decline_code or "declined", outcome, bounced=bounced)


def _fail(change: Change, code: str, outcome: Outcome, *, bounced: bool = False) -> None:
    refund, was = change.refund, change.refund.state
    refund.fail(code=code, now=change.now)
    refund.gateway_reference = outcome.reference or refund.gateway_reference
    refund.message = outcome.message
    change.tell("refund.bounced" if bounced else "refund.failed", before=was, reason=code)
    # In words of its own: a return is news even where the same refusal was asked about before the success.
    change.ask_people(Tasks.REFUND_FAILED, outcome, first="It had gone out, and came back. " if bounced else "")


def _pending(change: Change, attempt: RefundAttempt | None, heard: "Heard", chance: Chance) -> None:
    """The gateway has it: neither unknown nor done."""
    refund, outcome = change.refund, heard.outcome
    refund.gateway_reference = outcome.reference or refund.gateway_reference
    if refund.state == RefundState.AWAITING_APPROVAL:
        # Nobody here sent it.
        change.ask_people(Tasks.REFUND_MISMATCH, outcome)
        return
    if refund.state in {RefundState.UNKNOWN, RefundState.REQUESTED}:
        _taken_on(change)
    if attempt is None:
        _external_later(change, people_after=EXTERNAL_PENDING)
        return
    attempt.gateway_reference = outcome.reference or attempt.gateway_reference
    if can_proceed(attempt.wait):
        before = attempt.state
        attempt.wait()
        attempt.not_found_at = None
        _learn(attempt, outcome)
        change.attempted(attempt, before=before)
    _later(change, attempt, heard, chance)


def _taken_on(change: Change) -> None:
    """The gateway has it: it is under way, and nothing about it is unknown."""
    before = change.refund.state
    change.refund.process(at=None)
    change.tell("refund.processing", before=before, reason="pending")


def _external_later(change: Change, *, people_after: int) -> None:
    """Ask again about a refund that has no attempt of ours; after `people_after` seconds people are asked, too."""
    refund = change.refund
    if refund.state in {RefundState.REQUESTED, RefundState.AWAITING_APPROVAL}:
        return
    age = (change.now - refund.created_at).total_seconds()
    refund.due_at = change.now + timedelta(seconds=UNANSWERED_AGAIN if age < PEOPLE_AFTER else UNDER_WAY_AGAIN)
    if age >= people_after:
        change.ask(
            Tasks.REFUND_UNKNOWN, "It was made at the gateway, and whether it goes out is not known for too long."
        )


def _not_sent(change: Change, attempt: RefundAttempt, outcome: Outcome) -> None:
    before = attempt.state
    attempt.prove_not_sent(now=change.now)
    _learn(attempt, outcome)
    change.attempted(attempt, before=before, reason=outcome.reason)
    wait = max(AGAIN[min(attempt.number, len(AGAIN)) - 1], outcome.retry_after or 0)
    change.refund.due_at = change.now + timedelta(seconds=wait)
    if attempt.number == PEOPLE_AFTER_ATTEMPTS:
        change.ask_people(Tasks.REFUND_FAILED, outcome, first=_GOES_ON)


def _rejected(change: Change, attempt: RefundAttempt, outcome: Outcome) -> None:
    before = attempt.state
    attempt.reject(now=change.now)
    _learn(attempt, outcome)
    change.attempted(attempt, before=before, reason=outcome.reason)
    _fail(change, "gateway_rejected", outcome)


def _unknown(change: Change, attempt: RefundAttempt, heard: "Heard", chance: Chance) -> None:
    if not attempt.is_open:
        return
    refund, outcome, before = change.refund, heard.outcome, attempt.state
    if before == RefundAttemptState.SENT:
        attempt.lose()
        was = refund.state
        refund.lose()
        change.tell("refund.outcome_unknown", before=was, reason=outcome.reason)
    if heard.sent:
        _learn(attempt, outcome)
    elif outcome.reference:
        attempt.gateway_reference = outcome.reference
    if outcome.reference:
        attempt.not_found_at = None
    # One edge of the state table at a time: what was believed sent until now is unknown first.
    is_absent = before not in {RefundAttemptState.SENT, RefundAttemptState.PENDING} and outcome.kind == Kind.NOT_FOUND
    if is_absent and is_proven_absent(attempt, asked_at=heard.asked_at, now=change.now):
        _not_found(change, attempt, outcome)
        return
    change.attempted(attempt, before=before, reason=outcome.reason)
    _later(change, attempt, heard, chance)


def _later(change: Change, attempt: RefundAttempt, heard: "Heard", chance: Chance) -> None:
    """Ask again by the schedule; after a day a person is asked, too, and after the schedule's end nobody else."""
    wait = next_wait(attempt, heard.outcome, looked=heard.looked, now=change.now, chance=chance)
    change.refund.due_at = None if wait is None else change.now + timedelta(seconds=wait)
    age = (change.now - attempt.sent_at).total_seconds()
    is_late = age >= PEOPLE_AFTER if attempt.state == RefundAttemptState.UNKNOWN else wait is None
    if is_late and can_proceed(attempt.give_to_people):
        before = attempt.state
        attempt.give_to_people()
        change.attempted(attempt, before=before, looks=attempt.looks)
        change.ask_people(Tasks.REFUND_UNKNOWN, heard.outcome)


def _not_found(change: Change, attempt: RefundAttempt, outcome: Outcome) -> None:
    """It did not happen: the refund is still wanted, and goes out anew under the same key."""
    refund, before = change.refund, attempt.state
    attempt.prove_not_found(now=change.now)
    change.attempted(attempt, before=before, looks=attempt.looks)
    if refund.state == RefundState.UNKNOWN:
        refund.process(at=change.now)
        change.tell("refund.processing", before=RefundState.UNKNOWN, reason="proven_absent")
    refund.due_at = change.now
    if attempt.number == PEOPLE_AFTER_ATTEMPTS:
        change.ask_people(Tasks.REFUND_FAILED, outcome, first=_GOES_ON)


def _ask_again_later(change: Change, outcome: Outcome) -> None:
    """Nothing was learnt about a refund that is over: ask again where nobody answered, or it may still succeed."""
    refund = change.refund
    refund.due_at = None
    if outcome.kind == Kind.UNKNOWN and outcome.opens_breaker:
        refund.due_at = change.now + timedelta(seconds=UNANSWERED_AGAIN)
    elif outcome.kind == Kind.PENDING and refund.state == RefundState.FAILED:
        refund.due_at = change.now + timedelta(seconds=UNDER_WAY_AGAIN)


def _learn(attempt: RefundAttempt, outcome: Outcome) -> None:
    """Keep what the gateway said, for operators."""
    attempt.reason = outcome.reason
    attempt.decline_code = outcome.decline_code
    attempt.message = outcome.message
    attempt.http_status = outcome.http_status
    attempt.gateway_reference = outcome.reference or attempt.gateway_reference
