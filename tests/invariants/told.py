"""Whether shops and customers were told what happened: everything, once, in order, and nothing else."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping

from tests.invariants.evidence import Violation
from tests.invariants.rows import Entry, Event
from tests.invariants.tables import DISPUTE_TOLD_AS, REFUND_TOLD_AS, TOLD_AS
from tests.invariants.world import World

# Transitions from a state to itself, which the trail cannot tell from a remark but by their names.
_AGAIN = {"payment.retrying", "payment.queued"}
_ABOUT_SURPLUS = {"owed": "surplus.found", "returned": "surplus.returned", "refused": "surplus.refused"}
# Messages that say that the money was received.
_PAID = {"received", "resolved"}
# Messages about refunds → the state that they tell of.
_ABOUT_REFUND = {"refunded": "succeeded", "refund_failed": "failed"}


def every_transition_is_told_once(world: World) -> Iterator[Violation]:
    """Invariants 32 and 33 (S). Reads audit entries and events of payments.

    The types of a payment's events are those of its transitions in the trail, in that order; its sequence numbers
    count from 1 without a gap; what is beside (an outcome that became unknown, a surplus charge, a refund, a dispute)
    happened, too.
    """
    events = _events_by_payment(world)
    for payment in world.rows.payments:
        told = events.pop(payment.id, [])
        if [event.sequence for event in told] != list(range(1, payment.events_written + 1)):
            yield Violation(32, payment.id, f"its events do not count from 1 to {payment.events_written}")
        transitions = [
            TOLD_AS.get(entry.after, entry.after) for entry in world.trails.get(payment.id, []) if _is_transition(entry)
        ]
        if [event.type for event in told if event.type in TOLD_AS.values()] != transitions:
            yield Violation(32, payment.id, "its events are not its transitions")
        beside = Counter(event.type for event in told if event.type not in TOLD_AS.values())
        if beside != _beside(world, payment.id):
            yield Violation(32, payment.id, f"was told {dict(beside)}, which is not what happened")
    for payment_id in events.keys() - {""}:
        yield Violation(32, payment_id, "has events, and there is no such payment")


def events_say_what_they_are(world: World) -> Iterator[Violation]:
    """Invariant 32 (S). Reads events: the body tells the row's own id, type, sequence and payment."""
    for event in world.rows.events:
        body = json.loads(event.body)
        said = (body["id"], body["type"], body["sequence"], body["data"].get("paymentID") or "")
        if said[:3] != (event.id, event.type, event.sequence) or (event.payment_id and said[3] != event.payment_id):
            yield Violation(32, event.id, f"says of itself {said}")


def payments_are_published_in_order(world: World) -> Iterator[Violation]:
    """Invariant 32 (S). Reads events: positions rise with the sequence of each payment."""
    for payment_id, told in _events_by_payment(world).items():
        positions = [event.position for event in told if event.position is not None]
        if payment_id and positions != sorted(positions):
            yield Violation(32, payment_id, f"its events stand at {positions}")


def everything_is_delivered(world: World) -> Iterator[Violation]:
    """Invariants 13 and 32 (L). Reads events, deliveries and endpoints: all published, and with every enabled one."""
    enabled = {endpoint.id for endpoint in world.rows.endpoints if endpoint.is_enabled}
    for event in world.rows.events:
        if event.position is None:
            yield Violation(13, event.id, "was never published")
    for delivery in world.rows.deliveries:
        if delivery.state == "pending" or (delivery.state != "delivered" and delivery.endpoint_id in enabled):
            yield Violation(32, delivery.event_id, f"is {delivery.state} for {delivery.endpoint_id}")


def gateways_events_are_dealt_with(world: World) -> Iterator[Violation]:
    """Invariants 28 and 31 (L). Reads gateways' events: each applied, ignored, or a question to people."""
    for event in world.rows.gateway_events:
        if event.state not in {"applied", "ignored", "given_up"}:
            yield Violation(31, event.event_id, f"is still {event.state}")


def nobody_reads_of_money_that_was_not_taken(world: World) -> Iterator[Violation]:
    """Invariant 35 (S). Reads messages: sent ones that say "received" are about payments that succeeded, one each."""
    once: Counter[tuple[str, str]] = Counter()
    for message in world.rows.messages:
        if message.kind not in _PAID or message.sent_at is None:
            continue
        once[message.payment_id, message.channel] += 1
        if not any(entry.after == "success" for entry in world.trails.get(message.payment_id, [])):
            yield Violation(35, message.payment_id, f"was never paid, and a {message.kind} message says so")
    for (payment_id, channel), count in once.items():
        if count > 1:
            yield Violation(35, payment_id, f"was told {count} times by {channel} that the money was received")


def each_refund_is_told_once(world: World) -> Iterator[Violation]:
    """Invariant 35 (S). Reads messages: each kind was sent once for one refund by one channel, and only if it is true.

    A refund that succeeded once may have come back since, of which the customer reads as well.
    """
    once: Counter[tuple[str, str, str]] = Counter()
    for message in world.rows.messages:
        if message.kind not in _ABOUT_REFUND or message.sent_at is None or not message.occurrence.startswith("rf_"):
            continue
        once[message.occurrence, message.kind, message.channel] += 1
        reached = {entry.after for entry in world.trails.get(message.occurrence, [])}
        if _ABOUT_REFUND[message.kind] not in reached:
            yield Violation(35, message.occurrence, f"was never {_ABOUT_REFUND[message.kind]}, and a message says so")
    for (refund_id, kind, channel), count in once.items():
        if count > 1:
            yield Violation(35, refund_id, f"was told {count} times by {channel}: {kind}")


def _events_by_payment(world: World) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = defaultdict(list)
    for event in sorted(world.rows.events, key=lambda event: event.sequence):
        found[event.payment_id].append(event)
    return dict(found)


def _is_transition(entry: Entry) -> bool:
    return entry.before != "" and (entry.before != entry.after or entry.action in _AGAIN)


def _beside(world: World, payment_id: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for attempt in world.rows.attempts:
        if attempt.payment_id == payment_id:
            trail = world.trails.get(attempt.id, [])
            found["payment.outcome_unknown"] += sum(_went(entry, "sent", "unknown") for entry in trail)
    for surplus in world.rows.surpluses:
        # One that only waited for the customer took nothing: there is nothing to tell.
        if surplus.payment_id == payment_id and surplus.taken:
            for entry in world.trails.get(surplus.id, []):
                found[_ABOUT_SURPLUS[entry.after]] += entry.before != entry.after
    _count(found, world, [one.id for one in world.rows.refunds if one.payment_id == payment_id], REFUND_TOLD_AS)
    _count(found, world, [one.id for one in world.rows.disputes if one.payment_id == payment_id], DISPUTE_TOLD_AS)
    return +found


def _count(found: Counter[str], world: World, ids: list[str], told_as: Mapping[str, str]) -> None:
    """Count what the trail says of `ids`: their births, and every change of their states."""
    for entry in (entry for each in ids for entry in world.trails.get(each, [])):
        if entry.before == "":
            found[told_as[""]] += 1
        elif entry.before != entry.after:
            found[told_as[entry.after]] += 1


def _went(entry: Entry, before: str, after: str) -> bool:
    return (entry.before, entry.after) == (before, after)
