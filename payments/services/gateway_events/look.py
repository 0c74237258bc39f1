"""Asks a gateway what became of a charge that its events name, and applies what it says through the one door.

Only what the gateway says for certain is handed on. While it says nothing certain the events are tried again, and the
ordinary look-ups of the payment go on beside them.
"""

import logging
import time
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

from django.db import transaction

from payments.clock import database_now
from payments.crash_points import reach
from payments.gateways.base import Kind, Outcome
from payments.models import Attempt, GatewayEvent, OperatorTask
from payments.reliability import breaker, calls
from payments.reliability.breaker import Pass, Report
from payments.services.apply import apply
from payments.services.book import Heard
from payments.services.gateway_events import rules, write
from payments.services.gateway_events.handlers import because_of

logger = logging.getLogger(__name__)

# Why nothing is known where the fault is not the gateway's.
DEFECT: Final = "defect"


@dataclass(frozen=True, slots=True)
class Look:
    """One question to a gateway, for all `events` that raise it.

    other: the gateway's id of another charge under the attempt's key than the one that we know, where the events are
    about that; else empty.
    """

    attempt: Attempt
    other: str
    granted: Pass
    events: list[GatewayEvent] = field(default_factory=list)


def ask(look: Look, prepared_at: float) -> Callable[[], None]:
    """Run in a thread of the pool: ask the gateway. Never touches the database."""
    attempt = look.attempt
    if look.other:
        attempt = copy(attempt)
        attempt.gateway_reference = look.other
    outcome, report = _answer(look, attempt, prepared_at)
    return partial(_heard, look, outcome, report)


def _answer(look: Look, attempt: Attempt, prepared_at: float) -> tuple[Outcome, Report]:
    if time.monotonic() - prepared_at > calls.SEND_WITHIN:
        # There would be too little time left to tell a slow gateway from our own pause.
        outcome = Outcome(Kind.NOT_SENT, calls.PAUSED)
        return outcome, calls.report(look.granted, outcome)
    try:
        outcome = calls.look_up(attempt, prepared_at=prepared_at)
    except Exception:  # the boundary of a thread: a try is counted, and a trial's place is given back
        logger.exception("the look-up of %s raised", attempt.gateway_key)
        return Outcome(Kind.UNKNOWN, DEFECT), Report(look.granted, failed=False, unsent=True)
    return outcome, calls.report(look.granted, outcome)


def _heard(look: Look, outcome: Outcome, report: Report) -> None:
    # First, so that a trial is never lost: what could not be written is due again when the lease ends.
    breaker.record([report])
    heard(look, outcome)


def heard(look: Look, outcome: Outcome) -> None:
    """Apply what the gateway said, and write down what became of the events. Safe to call again with the same."""
    attempt = look.attempt
    if rules.is_definite(outcome) and not _is_beside(look, outcome):
        outcome = _applied(look, outcome)
    with transaction.atomic():
        # In the order in which everybody locks several of them.
        for event in sorted(look.events, key=lambda each: each.pk):
            _conclude(event, attempt, outcome)
    if __debug__:
        reach("event.applied")


def _applied(look: Look, outcome: Outcome) -> Outcome:
    """Apply the answer; return it, or that nothing is known where it could not be applied: it counts as a try."""
    attempt, because = look.attempt, because_of(look.events[0])
    try:
        apply([Heard(attempt.pk, attempt.payment_id, outcome, because, looked=True, sent=False)])
    except Exception:  # whatever is wrong with one payment: its events are tried again, and then given to people
        logger.exception("what an event said of %s could not be applied", attempt.gateway_key)
        return Outcome(Kind.UNKNOWN, DEFECT)
    return outcome


def _is_beside(look: Look, outcome: Outcome) -> bool:
    """Say whether the answer tells nothing about our attempt: another charge under its key that took no money."""
    return bool(look.other) and outcome.kind in {Kind.DECLINED, Kind.VOIDED}


def _conclude(event: GatewayEvent, attempt: Attempt, outcome: Outcome) -> None:
    now = database_now()
    was_tried = bool(event.note)
    task = _decide(event, attempt, outcome, now)
    values = {name: getattr(event, name) for name in write.FIELDS}
    # Whoever took over meanwhile, or asked for it anew, writes for itself.
    written = GatewayEvent.objects.filter(pk=event.pk, fence=event.fence).update(**values)
    if written and was_tried:
        write.close_answered([event], now)
    if written and task is not None:
        OperatorTask.objects.bulk_create([task], ignore_conflicts=True)


def _decide(event: GatewayEvent, attempt: Attempt, outcome: Outcome, now: datetime) -> OperatorTask | None:
    """Let the event be what the answer makes of it; return the question to people that comes of it."""
    if outcome.reason == calls.PAUSED:
        write.waits(event, now, "Nobody was asked: the worker was too slow.")
        return None
    if rules.is_definite(outcome) and rules.confirms(outcome, event.type):
        write.applied(event, f"The gateway was asked: {outcome.kind}.", now)
        return None
    if outcome.reason == DEFECT:
        return write.again_or_people(event, attempt.payment_id, "A defect of ours: the log has the details", now)
    said = f"{outcome.kind} ({outcome.reason})"
    task = write.again_or_people(event, attempt.payment_id, f"The gateway does not confirm it: {said}", now)
    # While the attempt itself is open its own look-ups ask people.
    return None if attempt.is_open else task
