"""Takes due events, settles at once what needs no call, and returns the look-ups to make for the others.

One short transaction for up to five hundred events: most of them tell what our own answers have told before, so that
ten thousand in a burst cost a few statements per hundred. A worker that dies afterwards leaves events that become due
again when the lease ends.
"""

import random
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from payments.audit import Because
from payments.bulk import update_each
from payments.clock import database_now
from payments.crash_points import reach
from payments.models import Attempt, GatewayEvent, OperatorTask
from payments.reliability.breaker import Board
from payments.reliability.gateways import capabilities_of
from payments.services.claim import lease
from payments.services.gateway_events import handlers, rules, write
from payments.services.gateway_events.look import Look, ask
from payments.services.gateway_events.match import Match, find
from payments.states import SurplusState

Write = Callable[[], None]
Ask = Callable[[], Write]

AT_ONCE: Final = 500
# Such transactions of one claim: payments are claimed by the same thread, and must not wait for long.
BATCHES: Final = 3
# Look-ups that one claim begins at most, however much room there is.
LOOKS: Final = 64
# Until an event for which there is no room is read again: a part of the time for which it has waited, within limits.
_NEXT_LOOKS: Final = timedelta(seconds=1)
_LAST_LOOKS: Final = timedelta(seconds=60)
_QUEUE_PART: Final = 20
_NOBODY_ANSWERS: Final = timedelta(seconds=5)


def anything_due() -> bool:
    """Say cheaply, without any lock, whether a claim would find something."""
    return _due().exists()


def claim(_because: Because, room: int = LOOKS) -> list[Ask]:
    """Claim due events and settle them; return the calls to make, each of which returns what to write after it.

    room: calls that can begin at once. Events that would need more are not claimed, and wait without a lease or a try.
    What comes of an event is written in the name of the gateway that sent it.
    """
    most = min(room, LOOKS)
    asks: list[Ask] = []
    for _ in range(BATCHES):
        prepared_at = time.monotonic()
        with transaction.atomic():
            events = _lock_due()
            if not events:
                break
            claim_ = _Claim(events, most - len(asks))
            claim_.settle()
            if __debug__:
                reach("event.claiming")
        if __debug__:
            reach("event.claimed")
        asks += [partial(ask, look, prepared_at) for look in claim_.looks.values()]
        if len(events) < AT_ONCE:
            break
    return asks


def _due() -> "QuerySet[GatewayEvent]":
    return GatewayEvent.objects.filter(due_at__lte=Now())


def _lock_due() -> list[GatewayEvent]:
    due = _due().order_by("due_at").defer("body")
    if connection.features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, no_key=True)
    # Elsewhere the transaction itself holds the one write lock (settings: IMMEDIATE).
    return list(due[:AT_ONCE])


class _Claim:
    """One claim: what is decided about its events, and written together in its transaction."""

    def __init__(self, events: list[GatewayEvent], most_looks: int) -> None:
        self._most_looks = most_looks
        self.looks: dict[tuple[str, str], Look] = {}
        self._events = events
        self._matches = find(events)
        self._now = database_now()
        self._board = Board.read(self._now)
        self._tasks: list[OperatorTask] = []

    def settle(self) -> None:
        """Decide about every event, and write."""
        # A new event has no note: a question to people can be open only about one that was tried before.
        tried = [event for event in self._events if event.note]
        for event in self._events:
            event.fence += 1
            event.claimed_until = None
            self._decide(event, self._matches.get(event.pk))
        update_each(self._events, write.FIELDS)
        # A question that is already open is not asked twice.
        OperatorTask.objects.bulk_create(self._tasks, ignore_conflicts=True)
        write.close_answered(tried, self._now)

    def _decide(self, event: GatewayEvent, match: Match | None) -> None:
        if not event.type:
            write.given_up(event, "Its body cannot be read.")
            self._tasks.append(write.unreadable(event))
        elif not (rules.is_about_a_charge(event.type) or handlers.knows(event.type)):
            write.ignored(event, "Of a type that we do not know.")
        elif match is None:
            self._unmatched(event)
        elif handlers.knows(event.type):
            handlers.handle(event, match.attempt, self._now)
        elif match.surplus is not None:
            write.applied(event, _of_surplus(match.surplus.state), self._now)
        else:
            self._about_a_charge(event, match.attempt)

    def _unmatched(self, event: GatewayEvent) -> None:
        if not rules.may_be_ours(event, handled=handlers.knows(event.type)):
            write.ignored(event, "Names no payment of ours: another system uses the same account.")
        elif rules.is_over(event, self._now, matched=False):
            write.given_up(event, "About nothing we know.")
            self._tasks.append(write.unmatched(event))
        else:
            write.again(event, "About nothing we know yet.", self._now, state=write.State.PARKED)

    def _about_a_charge(self, event: GatewayEvent, attempt: Attempt) -> None:
        if rules.is_known(event, attempt):
            write.applied(event, "Known before.", self._now)
        elif rules.is_answered_soon(attempt, self._now):
            write.waits(event, self._now + rules.LOOK_AFTER, "The gateway's own answer is expected.")
        elif capabilities_of(attempt.gateway) is None:
            # Before a look is granted: what cannot be asked must not take a trial along.
            why = "The gateway is not in the settings any more, so that nobody can be asked"
            task = write.again_or_people(event, attempt.payment_id, why, self._now)
            self._tasks += [task] if task is not None else []
        else:
            self._look(event, attempt)

    def _look(self, event: GatewayEvent, attempt: Attempt) -> None:
        """Let the gateway be asked; several events about one charge share one question."""
        other = event.reference if attempt.gateway_reference not in {"", event.reference} else ""
        look = self.looks.get((attempt.pk, other))
        if look is None:
            look = self._begin(event, attempt, other)
            if look is None:
                return
            self.looks[attempt.pk, other] = look
        look.events.append(event)
        event.due_at = event.claimed_until = self._now + lease()

    def _begin(self, event: GatewayEvent, attempt: Attempt, other: str) -> Look | None:
        if len(self.looks) >= self._most_looks:
            write.waits(event, self._now + self._for_room(event), "Others are asked about first.")
            return None
        granted = self._board.admit(attempt.gateway, "look_up")
        if granted is None:
            at = self._board.next_try(attempt.gateway, "look_up") or self._now
            wait = _NOBODY_ANSWERS * random.random()  # noqa: S311 - chance, not secrecy
            write.waits(event, at + wait, "The gateway answers nobody at this moment.")
            return None
        return Look(attempt, other, granted)

    def _for_room(self, event: GatewayEvent) -> timedelta:
        """Return how long the event waits for room: longer in a longer queue, which is not to be read all the time."""
        queue = (self._now - event.received_at) / _QUEUE_PART
        return max(_NEXT_LOOKS, min(queue, _LAST_LOOKS)) * (1 + random.random())  # noqa: S311 - chance, not secrecy


def _of_surplus(state: str) -> str:
    if state == SurplusState.REFUSED:
        return "About a charge that people give back: its own page says so when they have."
    return "About a charge that is given back by itself."
