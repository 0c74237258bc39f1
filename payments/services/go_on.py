"""What a payment does after a try that certainly charged nothing: another try, later, another way, or a kind end.

The one place that walks down the ladder (payments/reliability/ladder.py decides, this writes it down). `after` is
called where an answer is applied, `without_gateway` where a claim finds nobody to call; both hold the payment's lock.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django_fsm import can_proceed

from payments.audit import Because
from payments.declines import DeclineClass, decline
from payments.models import Attempt, OperatorTask, Payment
from payments.reliability import card_limits, ladder
from payments.reliability.breaker import Board
from payments.reliability.ladder import End, Next, Tried
from payments.reliability.retry import Chance, RetryPolicy
from payments.reliability.routing import gateways_for
from payments.services import messages
from payments.services.trust import is_trusted
from payments.states import AttemptState

if TYPE_CHECKING:
    from payments.services.book import Book, Heard
    from payments.services.route import Nobody

# Seconds until a queued payment (level 4) is looked at again, at least and at most: half of its time in the queue, so
# that a long queue is no load; chance spreads them. The sweep takes up the oldest ones when a gateway is back.
QUEUE_AGAIN: Final = (30, 300)

# About as long as the tries of one payment take together.
PATIENCE: Final = timedelta(seconds=15)
_NOBODY_ANSWERED: Final = {"gateway_unavailable", "no_gateway"}
_PROCESSING: Final = DeclineClass.PROCESSING
# From this many tries on, the back-off is at its cap.
_LONGEST_BACKOFF: Final = 10


def policy() -> RetryPolicy:
    """Return how often payments are tried by themselves."""
    return RetryPolicy(soft=settings.SOFT_TRIES, processing=settings.PROCESSING_TRIES)


def tried(attempts: list[Attempt]) -> list[Tried]:
    """Return the payment's attempts, in the order of their numbers, as the ladder reads them."""
    return [
        Tried(
            number=attempt.number,
            gateway=attempt.gateway,
            state=attempt.state,
            reason=_reason(attempt),
            decline=decline(attempt.decline_code, attempt.gateway) if _is_declined(attempt) else None,
            asked_bank=attempt.three_d_secure,
            never_again=attempt.never_again,
        )
        for attempt in attempts
    ]


def next_step(payment: Payment, attempts: list[Attempt]) -> Next | End:
    """Return what the ladder says after `attempts`, all of the payment's in the order of their numbers."""
    return ladder.next_step(tried(attempts), gateways_for(payment), is_present=payment.queued_at is None)


def resting_until(attempts: list[Attempt], now: datetime) -> dict[str, datetime]:
    """Return the gateways that asked this payment to wait, and until when (Retry-After)."""
    found: dict[str, datetime] = {}
    for attempt in attempts:
        if attempt.retry_at is not None and attempt.retry_at > now:
            found[attempt.gateway] = max(attempt.retry_at, found.get(attempt.gateway, attempt.retry_at))
    return found


def queue_look(queued_at: datetime, now: datetime, chance: Chance) -> datetime:
    """Return when to look again at a payment that has been in the queue since `queued_at`."""
    least, most = QUEUE_AGAIN
    wait = min(max((now - queued_at).total_seconds() / 2, least), most)
    return now + timedelta(seconds=wait * (2 + 2 * chance()) / 3)


def after(payment: Payment, attempt: Attempt, heard: "Heard", book: "Book", chance: Chance) -> None:
    """Go on after `attempt`, which has just been closed and charged nothing; or end the payment."""
    if not can_proceed(payment.retry):
        return
    others = Attempt.objects.filter(payment=payment, kind="charge").exclude(pk=attempt.pk)
    attempts = sorted([*others, attempt], key=lambda each: each.number)
    history = tried(attempts)
    step = next_step(payment, attempts)
    if isinstance(step, Next):
        step = _within_limits(payment, attempt, history, step, book.now)
    if isinstance(step, End):
        end(payment, step, heard.because, book, chance)
        return
    at = _when(payment, attempts, step, book.now, chance)
    _again(payment, step.why, history[-1], at, heard.because, book)


def without_gateway(
    payment: Payment, attempts: list[Attempt], nobody: "Nobody", because: Because, book: "Book", chance: Chance
) -> None:
    """Go on where no gateway may be called now: counts as a try, so that nobody waits for ever."""
    why = nobody.why
    step = next_step(payment, attempts)
    if isinstance(step, End):
        # The decline map or the settings changed: what was allowed when the last attempt ended is not any more.
        end(payment, step, because, book, chance)
        return
    if payment.queued_at is not None:
        payment.wait(at=queue_look(payment.queued_at, book.now, chance))
        return
    last = tried(attempts)[-1] if attempts else None
    declined = last is not None and last.decline is not None and last.decline.decline_class is not _PROCESSING
    is_last = not policy().allows(tries=payment.retry_count + 1, is_soft=False) or _is_used_up(payment)
    # All tries would be over before any breaker lets one through: say so now.
    is_last |= nobody.until is not None and nobody.until - book.now > PATIENCE
    if is_last and last is not None and declined:
        # The bank has said no: an order is not accepted on that, although it is we who cannot ask again.
        end(payment, End(ladder.ANOTHER_WAY, last.reason, why), because, book, chance)
        return
    # Whom we trust need not wait for tries that nobody can make.
    if is_last or (not declined and is_trusted(payment)):
        end(payment, End(ladder.KINDLY, "no_gateway", why), because, book, chance)
        return
    at = book.now + timedelta(seconds=_backoff(payment, chance))
    resting = resting_until(attempts, book.now)
    if resting.keys() >= set(gateways_for(payment)):
        at = max(at, min(resting.values()))
    _again(payment, why, last, at, because, book)


def end(payment: Payment, step: End, because: Because, book: "Book", chance: Chance) -> None:
    """End the payment, uncharged; or accept it for later where the fault is ours and the customer is trusted."""
    queued = payment.queued_at is not None
    is_outage = step.level == ladder.KINDLY and step.code != "gateway_rejected"
    if is_outage and (queued or is_trusted(payment)):
        _queue(payment, step.why, because, book, chance)
        return
    was = payment.status
    payment.descend(step.level, step.why)
    payment.fail(code=step.code, now=book.now)
    book.answered.append(payment.pk)
    book.moved(payment, "payment.failed", because, before=was, reason=step.code, level=step.level, why=step.why)
    # Of a gateway that answers there is nothing to wait for: who wants to try again can do so now.
    waits = step.code in _NOBODY_ANSWERED or queued
    book.owe(messages.link_when_back(payment, book.now) if waits else messages.failed(payment, book.now))


def expire(payment: Payment, because: Because, book: "Book") -> None:
    """Close a payment whose time is over; an accepted order is a promise, so that people take it from there."""
    was = payment.status
    if payment.queued_at is None:
        payment.expire(now=book.now)
        book.owe(messages.failed(payment, book.now))
        book.moved(payment, "payment.expired", because, before=was)
        return
    payment.review(reason="queued_too_long", due_at=None)
    book.moved(payment, "payment.review", because, before=was, reason="queued_too_long")
    detail = f"Accepted for later at {payment.queued_at:%Y-%m-%d %H:%M} UTC; no gateway could charge it in time."
    book.tasks.append(OperatorTask(payment=payment, kind=OperatorTask.Kind.QUEUED_TOO_LONG, detail=detail))


def _within_limits(payment: Payment, attempt: Attempt, history: list[Tried], step: Next, now: datetime) -> Next | End:
    """Return `step`, or an end where the policy or a card network allows no further try."""
    meaning = decline(attempt.decline_code, attempt.gateway) if _is_declined(attempt) else None
    is_soft = meaning is not None and meaning.decline_class is not _PROCESSING
    if meaning is not None and card_limits.is_used_up(attempt, now):
        return End(ladder.ANOTHER_WAY, "network_limit", "the card network allows no further try with this card")
    if payment.queued_at is not None:
        # What the outage used up does not count against an order that was accepted; what banks have said does.
        declines = sum(each.decline is not None for each in history)
        may = not is_soft or policy().allows(tries=declines, is_soft=True)
    else:
        may = policy().allows(tries=payment.retry_count + 1, is_soft=is_soft) and not _is_used_up(payment)
    if may:
        return step
    code = attempt.decline_code if meaning is not None else "gateway_unavailable"
    return End(ladder.ANOTHER_WAY if is_soft else ladder.KINDLY, code, f"{step.why}; no tries left")


def _again(payment: Payment, why: str, last: Tried | None, at: datetime, because: Because, book: "Book") -> None:
    was = payment.status
    payment.outcome_unknown = False
    code = "no_gateway"
    if last is not None:
        code = last.reason if last.decline is not None else "gateway_unavailable"
    payment.retry(code=code, at=at, now=book.now)
    book.moved(payment, "payment.retrying", because, before=was, reason=why)


def _queue(payment: Payment, why: str, because: Because, book: "Book", chance: Chance) -> None:
    """Level 4: the order is accepted; the payment waits for a gateway."""
    was, first = payment.status, payment.queued_at is None
    payment.descend(ladder.LATER, why)
    payment.outcome_unknown = False
    payment.queue(at=queue_look(payment.queued_at or book.now, book.now, chance), now=book.now)
    if first:
        book.owe(messages.accepted_for_later(payment, book.now))
        book.moved(payment, "payment.queued", because, before=was, reason=why, level=ladder.LATER)
    elif was != payment.status:
        book.moved(payment, "payment.queued", because, before=was, reason=why)


def _when(payment: Payment, attempts: list[Attempt], step: Next, now: datetime, chance: Chance) -> datetime:
    """Return the time of the next try: at once at another gateway, which neither failed nor asked us to wait."""
    board, resting = Board.read(now), resting_until(attempts, now)
    free = (name for name in step.gateways if board.admits(name, "charge") and name not in resting)
    likely = next(free, step.gateways[0])
    is_same = likely == attempts[-1].gateway
    # The bank is asked at the gateway that declined, without delay: the customer is still there.
    backs_off = step.backs_off or (is_same and not step.three_d_secure)
    at = now + timedelta(seconds=_backoff(payment, chance) if backs_off else 0)
    return max(at, resting.get(likely, at))


def _backoff(payment: Payment, chance: Chance) -> float:
    # A queued payment may be tried a thousand times; its exponent must not outgrow a number.
    return policy().backoff.delay(min(payment.retry_count, _LONGEST_BACKOFF), chance)


def _is_used_up(payment: Payment) -> bool:
    return bool(payment.retry_count >= payment.max_retries)


def _is_declined(attempt: Attempt) -> bool:
    return bool(attempt.state == AttemptState.DECLINED)


def _reason(attempt: Attempt) -> str:
    return attempt.decline_code if _is_declined(attempt) else attempt.reason
