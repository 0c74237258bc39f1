"""What follows from an event of a gateway that tells more than what became of a charge: refunds, disputes.

An app registers one handler per prefix of event types when it starts. Charges need none: whatever an event says about
one, the gateway is asked, and its answer goes through the one door (payments/services/apply.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from payments.audit import Because
from payments.models import Attempt, GatewayEvent


@dataclass(frozen=True, slots=True)
class Told:
    """An event about a charge of ours. attempt: under whose key the gateway made it. now: the database's time, UTC."""

    event: GatewayEvent
    attempt: Attempt
    because: Because
    now: datetime


@dataclass(frozen=True, slots=True)
class Later:
    """What a handler returns that cannot see to an event at this moment; it is called again after `wait`.

    why: a sentence, for the event's note. Nothing that the handler wrote is kept, and it counts as no try.
    """

    why: str
    wait: timedelta = timedelta(seconds=1)


# Returns what became of it, for the event's note, or that it is to be called again. Runs in the transaction that marks
# the event as applied, so that both happen or neither; may be called again with the same event. It must call no
# gateway, and believe nothing about money: it writes a row of its own that is due, and the gateway is asked when that
# is claimed. It waits for no lock: many events are handled in one transaction, in no order that others lock by.
Handler = Callable[[Told], str | Later]

_handlers: dict[str, Handler] = {}


def register(prefix: str, handler: Handler) -> None:
    """Let `handler` see to all events whose type begins with `prefix`, for example `dispute.`.

    Such an event about a charge that we do not know yet waits 24 hours for it, and is then given to people.
    """
    _handlers[prefix] = handler


def handler_of(type_: str) -> Handler | None:
    """Return who sees to events of this type: the longest prefix decides. None where nobody does."""
    fitting = [prefix for prefix in _handlers if type_.startswith(prefix)]
    return _handlers[max(fitting, key=len)] if fitting else None
