"""What an event may tell about a charge, when it tells nothing new, and how long it is tried.

An event's own words about money are never believed: they only say what to ask the gateway about.
"""

import re
from datetime import datetime, timedelta
from typing import Final

from payments.gateways.base import Kind, Outcome
from payments.ids import is_id
from payments.models import Attempt, GatewayEvent
from payments.states import AttemptState

# What happened → the states of an attempt in which that is known, if it is the same charge.
_KNOWN_IN: Final[dict[str, frozenset[str]]] = {
    "charge.succeeded": frozenset({AttemptState.SUCCEEDED, AttemptState.VOIDED}),
    "charge.failed": frozenset({AttemptState.DECLINED}),
    "charge.action_required": frozenset(
        {AttemptState.ACTION_REQUIRED, AttemptState.SUCCEEDED, AttemptState.DECLINED, AttemptState.VOIDED}
    ),
    # A customer who calls the payment off at the bank voids the charge, which is a decline to us.
    "charge.voided": frozenset({AttemptState.VOIDED, AttemptState.DECLINED}),
    "charge.refunded": frozenset({AttemptState.VOIDED}),
}
# What a gateway's answer must say after such an event. Another answer comes from a reading that is behind its event.
_CONFIRMED_BY: Final[dict[str, frozenset[Kind]]] = {
    "charge.succeeded": frozenset({Kind.SUCCEEDED, Kind.VOIDED}),
    "charge.voided": frozenset({Kind.VOIDED, Kind.DECLINED}),
}
_DEFINITE: Final = frozenset({Kind.SUCCEEDED, Kind.DECLINED, Kind.ACTION_REQUIRED, Kind.VOIDED})
_OUR_KEY: Final = re.compile(r"(pay_[0-9a-hjkmnp-tv-z]{26})-a[1-9][0-9]{0,4}")

# Seconds until an event that did not help is tried again, by the number of tries; the last one until its time is over.
AGAIN: Final = (60, 300, 900, 3600)
# For so long after it was received.
TRIED_FOR: Final = timedelta(hours=24)
# Tries after which an event that matches, but that the gateway does not confirm, may be given to people.
_TRIES: Final = len(AGAIN) + 1
# An attempt that was sent so short a time ago is answered by itself: asking at once would double all calls.
ANSWERED_WITHIN: Final = timedelta(seconds=5)
LOOK_AFTER: Final = timedelta(seconds=2)


def is_about_a_charge(type_: str) -> bool:
    return type_ in _KNOWN_IN


def is_known(event: GatewayEvent, attempt: Attempt) -> bool:
    """Say whether `event` can tell nothing that is not known about `attempt`: no call is needed."""
    is_same = bool(event.reference) and event.reference == attempt.gateway_reference
    return is_same and attempt.state in _KNOWN_IN[event.type]


def is_answered_soon(attempt: Attempt, now: datetime) -> bool:
    """Say whether the answer to sending `attempt` is still expected."""
    return attempt.state == AttemptState.SENT and now - attempt.last_sent_at < ANSWERED_WITHIN


def is_definite(outcome: Outcome) -> bool:
    return outcome.kind in _DEFINITE


def confirms(outcome: Outcome, type_: str) -> bool:
    """Say whether the gateway's answer is at least as new as an event of this type."""
    return outcome.kind in _CONFIRMED_BY.get(type_, _DEFINITE)


def may_be_ours(event: GatewayEvent, *, handled: bool) -> bool:
    """Say whether the event may be about a charge of ours, although we know none such.

    Its ids have the form of ours; or it names nothing at all, which proves nothing. handled: an app sees to its type.
    Such an event, a dispute, is not lost where it names nothing but a charge: our own answer may be what tells us the
    charge's id. Other events about that are of another system on the same account, or our own answer says the same.
    """
    if not (event.gateway_key or event.payment_id):
        return handled or not event.reference
    return bool(our_payment_id(event))


def our_payment_id(event: GatewayEvent) -> str:
    """Return the id of the payment of ours that the event names, by itself or in a key; empty where it names none."""
    if is_id(event.payment_id, "pay"):
        return str(event.payment_id)
    found = _OUR_KEY.fullmatch(event.gateway_key)
    return found[1] if found else ""


def next_try(event: GatewayEvent, now: datetime) -> datetime:
    """Return when to try again an event whose last try has been counted; not later than its time is over."""
    wait = timedelta(seconds=AGAIN[min(event.tries, len(AGAIN)) - 1])
    over = event.received_at + TRIED_FOR
    return min(now + wait, over) if over > now else now + wait


def is_over(event: GatewayEvent, now: datetime, *, matched: bool) -> bool:
    """Say whether the event was tried for long enough: then it is for people."""
    is_old = now - event.received_at >= TRIED_FOR
    # An outage of a day must not use up the one try after it.
    return is_old and (not matched or event.tries >= _TRIES)
