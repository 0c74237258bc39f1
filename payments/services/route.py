"""Where the next attempt of each claimed payment goes, and whether its time has come: breakers, budgets, the queue.

Works inside the claim's transaction. The ladder says which gateways are safe and in which order; here the first of
them is taken whose circuit breaker lets a call through, if the shared allowances for tries again and for the queue of
accepted orders have something left (requirements B4, B6).
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from payments.models import Attempt, Payment
from payments.reliability import budget
from payments.reliability.breaker import Board, Pass
from payments.reliability.ladder import End, Next
from payments.reliability.proof import may_send_again
from payments.reliability.routing import gateways_for
from payments.services.go_on import next_step, queue_look, resting_until, tried
from payments.states import OPEN_OR_SUCCEEDED, AttemptState, PaymentStatus

_ROUTABLE: Final = {PaymentStatus.PENDING, PaymentStatus.RETRYING}


@dataclass(frozen=True, slots=True)
class Route:
    """Where an attempt goes. why: in words for operators; said: what the audit trail keeps of it."""

    gateway: str
    level: int
    three_d_secure: bool
    why: str
    granted: Pass
    said: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """A gateway could be called, and others go first. at: when to look again; counts as no try."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Nobody:
    """No gateway may be called. why: in words; until: when the first of them may be tried, if only breakers hold."""

    why: str
    until: datetime | None = None


class Router:
    """Made once per claim, for all of its payments."""

    def __init__(self, payments: list[Payment], attempts: dict[str, list[Attempt]], now: datetime) -> None:
        self.board = Board.read(now)
        self._now = now
        firsts = again = queued = 0
        for payment in payments:
            tries = attempts.get(payment.pk, [])
            still_open = next((attempt for attempt in tries if attempt.state in OPEN_OR_SUCCEEDED), None)
            if still_open is not None:
                again += self._may_send_again(still_open)
            elif payment.status not in _ROUTABLE or not self._can_go(payment):
                # What no gateway can take now neither uses nor earns anything.
                continue
            elif payment.queued_at is not None:
                queued += 1
            elif tries:
                again += 1
            else:
                firsts += 1
        # All that is drawn is drawn here, in the order of locks: allowances before circuits.
        self._queued = budget.draw_drain(queued, now)
        self._again = budget.draw_retries(firsts, again, now)

    def route(self, payment: Payment, attempts: list[Attempt]) -> Route | Wait | Nobody:
        """Return where the next attempt of `payment` goes, or to wait for its turn, or that no gateway can take it."""
        if self._can_go(payment) and not self._takes_turn(payment, attempts):
            if payment.queued_at is not None:
                return Wait(queue_look(payment.queued_at, self._now, random.random))
            return Wait(self._now + timedelta(seconds=1 + 2 * random.random()))  # noqa: S311 - chance, not secrecy
        step = next_step(payment, attempts)
        if isinstance(step, End):
            # What the rules allowed when the last attempt ended, they do not allow any more.
            return Nobody(step.why)
        return self._at_one_of(step, attempts, gateways_for(payment)[0])

    def resend(self, attempt: Attempt) -> Pass | None:
        """Return leave to send `attempt` again under its key, should a look-up find nothing; None: only look it up."""
        if self._again <= 0 or not self._may_send_again(attempt):
            return None
        self._again -= 1
        return self.board.admit(attempt.gateway, "charge")

    def _takes_turn(self, payment: Payment, attempts: list[Attempt]) -> bool:
        """Use what was drawn for `payment`; say whether something was left."""
        if payment.queued_at is not None:
            self._queued -= 1
            return self._queued >= 0
        if attempts:
            self._again -= 1
            return self._again >= 0
        return True

    def _can_go(self, payment: Payment) -> bool:
        return any(self.board.admits(gateway, "charge") for gateway in gateways_for(payment))

    def _at_one_of(self, step: Next, attempts: list[Attempt], first: str) -> Route | Nobody:
        resting, passed, closed = resting_until(attempts, self._now), [], []
        for gateway in step.gateways:
            if gateway in resting:
                passed.append(f"{gateway} asked us to wait")
                continue
            granted = self.board.admit(gateway, "charge")
            if granted is None:
                closed.append(gateway)
                passed.append(f"the breaker of {gateway} is open")
                continue
            level = step.level_at(gateway, first)
            why = "; ".join([*passed, step.why] if attempts or not passed else passed)
            said: dict[str, Any] = {"level": level, "gateway": gateway}
            if attempts or passed:
                said |= {"why": why, "proof": [each.proof for each in tried(attempts)]}
                said |= {"breakerOpen": closed} if closed else {}
            return Route(gateway, level, step.three_d_secure, why, granted, said)
        tries = (self.board.next_try(gateway, "charge") for gateway in closed)
        return Nobody("; ".join(passed), min((at for at in tries if at is not None), default=None))

    def _may_send_again(self, attempt: Attempt) -> bool:
        """Say whether the same key may be sent once more: the gateway still knows it, and it can bring a new answer."""
        # One that is still `sent` was lost with its worker, and is unknown as soon as that is written down.
        if attempt.state not in {AttemptState.UNKNOWN, AttemptState.SENT}:
            return False
        # Not as a trial of the breaker: it may not be needed at all.
        return self.board.is_closed(attempt.gateway, "charge") and may_send_again(attempt, self._now)
