"""Whether the audit trail tells how every row came to be what it is."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, NamedTuple

from tests.invariants.evidence import Violation
from tests.invariants.rows import Entry
from tests.invariants.tables import ATTEMPT, DISPUTE, PAYMENT, REFUND, REFUND_ATTEMPT, SURPLUS, Table
from tests.invariants.world import World

# What entries of these are about is read here; others (a webhook endpoint) have their own trail.
_READ: Final = ("pay_", "att_", "sur_", "rf_", "rfa_", "dp_")
# Seconds by which a clock may be set back between two entries without hiding a wrong order.
_CLOCK_STEP: Final = 1.0


class _Entity(NamedTuple):
    id: str
    state: str
    table: Table


def rows_are_what_the_trail_says(world: World) -> Iterator[Violation]:
    """Invariant 22 (S). Reads audit entries, payments, attempts, surplus charges, refunds and disputes.

    Every entity's entries join end to end, from its birth to its state of now, along published edges only. Each
    attempt is named by the entry that starts it, each entry is about something that is there.
    """
    entities = _entities(world)
    for entity in entities:
        yield from _fold(entity, world.trails.get(entity.id, []))
    for attempt in world.rows.attempts:
        if attempt.gateway_key not in world.starts:
            yield Violation(22, attempt.id, f"no entry tells that {attempt.gateway_key} was started")
    for one in world.rows.refund_attempts:
        if str(one.number) not in {entry.started_number for entry in world.trails.get(one.refund_id, [])}:
            yield Violation(22, one.id, f"no entry of {one.refund_id} tells that attempt {one.number} was started")
    for entity_id in world.trails.keys() - {entity.id for entity in entities}:
        if entity_id.startswith(_READ):
            yield Violation(22, entity_id, "has entries, and there is no such row")


def _entities(world: World) -> list[_Entity]:
    return [
        *(_Entity(payment.id, payment.status, PAYMENT) for payment in world.rows.payments),
        *(_Entity(attempt.id, attempt.state, ATTEMPT) for attempt in world.rows.attempts),
        *(_Entity(surplus.id, surplus.state, SURPLUS) for surplus in world.rows.surpluses),
        *(_Entity(refund.id, refund.state, REFUND) for refund in world.rows.refunds),
        *(_Entity(attempt.id, attempt.state, REFUND_ATTEMPT) for attempt in world.rows.refund_attempts),
        *(_Entity(dispute.id, dispute.status, DISPUTE) for dispute in world.rows.disputes),
    ]


def _fold(entity: _Entity, entries: list[Entry]) -> Iterator[Violation]:
    state = "" if entity.table.told else min(entity.table.births)
    for entry in entries:
        if entry.before != state:
            yield Violation(22, entity.id, f"entry {entry.id} says it was {entry.before!r} when it was {state!r}")
        elif entry.before != entry.after and not _may(entity.table, entry):
            yield Violation(22, entity.id, f"entry {entry.id} goes from {entry.before!r} to {entry.after!r}")
        state = entry.after
    if state != entity.state:
        yield Violation(22, entity.id, f"is {entity.state!r}, and its entries end with {state!r}")


def _may(table: Table, entry: Entry) -> bool:
    if entry.before == "":
        return entry.after in table.births
    return entry.after in table.edges.get(entry.before, frozenset())


def entries_say_who_and_why(world: World) -> Iterator[Violation]:
    """Invariant 24 (S). Reads audit entries: actor, cause, the state afterwards, and times in the order of the ids."""
    for entry in world.rows.entries:
        missing = [name for name in ("action", "actor", "cause", "after") if not getattr(entry, name).strip()]
        if missing:
            yield Violation(24, entry.entity_id, f"entry {entry.id} says nothing of: {', '.join(missing)}")
    for entity_id, entries in world.trails.items():
        for earlier, later in pairwise(entries):
            if later.at < earlier.at - _CLOCK_STEP:
                yield Violation(24, entity_id, f"entry {later.id} is older than entry {earlier.id}")
