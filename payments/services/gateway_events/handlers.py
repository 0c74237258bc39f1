"""Hands events to the handlers that apps registered (payments/outcomes.py), each in a savepoint of its own."""

import logging
from datetime import datetime

from django.db import transaction

from payments.audit import Because
from payments.models import Attempt, GatewayEvent
from payments.outcomes import Handler, Later, Told, handler_of
from payments.services.gateway_events import write

logger = logging.getLogger(__name__)


def because_of(event: GatewayEvent) -> Because:
    """Return who says it, for the audit trail: `gateway:primary`, `event:evt_…`."""
    return Because(actor=f"gateway:{event.gateway}"[:64], cause=f"event:{event.event_id}"[:96])


def knows(type_: str) -> bool:
    """Say whether a handler sees to events of this type."""
    return handler_of(type_) is not None


def handle(event: GatewayEvent, attempt: Attempt, now: datetime) -> None:
    """Let the handler of the event's type see to it."""
    handler = handler_of(event.type)
    if handler is None:
        return
    try:
        answer = _answer(handler, Told(event, attempt, because_of(event), now))
    except Exception:  # the boundary to other apps: a defect with one event must not hold up all the others
        logger.exception("the handler of %s raised for %s", event.type, event.event_id)
        write.again(event, "A defect of ours: the log has the details.", now)
    else:
        if isinstance(answer, Later):
            write.waits(event, now + answer.wait, answer.why)
        else:
            write.applied(event, answer, now)


def _answer(handler: Handler, told: Told) -> str | Later:
    """Return what the handler says; what it wrote is kept only where it saw to the event."""
    with transaction.atomic():
        answer = handler(told)
        if isinstance(answer, Later):
            transaction.set_rollback(True)
    return answer
