"""What becomes of an event, and the questions to people that come of some. The caller writes the rows."""

from datetime import datetime
from typing import Final

from django.db.models import Q

from payments.gateways.text import sanitised
from payments.models import GatewayEvent, OperatorTask
from payments.services.gateway_events.rules import is_over, next_try

FIELDS: Final = ("state", "note", "tries", "due_at", "claimed_until", "fence", "applied_at")
State = GatewayEvent.State
Kind = OperatorTask.Kind


def applied(event: GatewayEvent, note: str, now: datetime) -> None:
    """What the event tells is known now."""
    event.applied_at = now
    _end(event, State.APPLIED, note)


def ignored(event: GatewayEvent, note: str) -> None:
    """The event is none of our business."""
    _end(event, State.IGNORED, note)


def given_up(event: GatewayEvent, note: str) -> None:
    """People have it in hand; the caller opens the task."""
    _end(event, State.GIVEN_UP, note)


def waits(event: GatewayEvent, until: datetime, note: str) -> None:
    """Nothing was tried: look again at `until`. Counts as no try."""
    event.due_at, event.claimed_until, event.note = until, None, note[:200]


def again(event: GatewayEvent, note: str, now: datetime, state: str = State.RECEIVED) -> None:
    """It did not help: try again later."""
    event.state = state
    event.tries += 1
    waits(event, next_try(event, now), note)


def again_or_people(event: GatewayEvent, payment_id: str, why: str, now: datetime) -> OperatorTask | None:
    """It did not help: try again later; where it was tried for long enough, return the question to people."""
    if not is_over(event, now, matched=True):
        again(event, f"{why}.", now)
        return None
    given_up(event, f"{why}.")
    return _unconfirmed(event, payment_id, why)


def _end(event: GatewayEvent, state: str, note: str) -> None:
    event.state, event.note = state, note[:200]
    event.due_at = event.claimed_until = None


def subject(event: GatewayEvent) -> str:
    """Return the name of the event in a task that is about no payment."""
    return f"{event.gateway} event {event.event_id}"


def unreadable(event: GatewayEvent) -> OperatorTask:
    """Return the question what a gateway's signed events say that we cannot read: one for however many."""
    detail = "The signatures are right, but the bodies are not what the gateway documents. They are kept as they came."
    said = sanitised(f"{detail} The first of them is {event.event_id}.")
    return OperatorTask(kind=Kind.UNREADABLE_EVENT, subject=f"events of {event.gateway}", detail=said)


def unmatched(event: GatewayEvent) -> OperatorTask:
    """Return the question what a charge is about that we know nothing of."""
    names = {"charge": event.reference, "key": event.gateway_key, "payment": event.payment_id}
    named = ", ".join(f"{name} {value}" for name, value in names.items() if value) or "no charge"
    detail = sanitised(f"{event.type} names {named}; nothing we know for 24 hours after it came.")
    return OperatorTask(kind=Kind.UNMATCHED_EVENT, subject=subject(event), detail=detail)


def _unconfirmed(event: GatewayEvent, payment_id: str, why: str) -> OperatorTask:
    """Return the question what is true of an event that could not be confirmed."""
    detail = sanitised(f"{subject(event)} says {event.type}; not confirmed for 24 hours. {why}.")
    return OperatorTask(kind=Kind.CONTRADICTION, payment_id=payment_id, detail=detail)


def close_answered(events: list[GatewayEvent], now: datetime) -> None:
    """Close the questions about events that are applied or ignored after all."""
    ended = [event for event in events if event.state in {State.APPLIED, State.IGNORED}]
    if ended:
        about = Q(kind=Kind.UNMATCHED_EVENT, subject__in=[subject(event) for event in ended])
        # As the partial index of open questions says it.
        OperatorTask.objects.filter(about, closed_at__isnull=True, payment__isnull=True).update(
            closed_at=now, closed_by="paysite", resolution="The event was applied or ignored after all."
        )
