"""Whether every charge at a gateway is one that we know, want once, and tell the truth about."""

from collections.abc import Iterator

from tests.invariants.evidence import Violation
from tests.invariants.rows import Attempt, Charge, Surplus
from tests.invariants.tables import NOT_PAID
from tests.invariants.world import World

# Statuses of a charge that may still become money taken, or is.
_NOT_DEAD = frozenset({"succeeded", "requires_action", "pending"})


def one_net_capture_per_order(world: World) -> Iterator[Violation]:
    """Invariant 1 (L). Reads orders, payments and the gateways' charges that were taken and not given back.

    The amount of a charge in quarantine does not count, since the gateway may have taken another one than we asked.
    """
    for order_id, charges in world.captured_of_order.items():
        if len(charges) > 1:
            yield Violation(1, order_id, f"is charged {len(charges)} times: {_names(charges)}")
        booked = sum(charge.amount for charge in charges if not world.is_quarantined(charge))
        if len(charges) == 1 and booked > world.orders[order_id].amount:
            yield Violation(1, order_id, f"costs {world.orders[order_id].amount}, and {booked} was taken")


def extra_captures_are_noted(world: World) -> Iterator[Violation]:
    """Invariant 2 (S). Reads payments, succeeded attempts, surplus charges and the gateways' charges.

    One charge of an order belongs to the attempt that succeeded, or may still find it; each other one has a surplus
    row as soon as it is older than the grace. Ages are by the gateway's `created_ms`.
    """
    for order_id, charges in world.captured_of_order.items():
        if len(charges) < 2:
            continue
        names = [(charge.gateway, charge.id) for charge in charges]
        unnoted = [
            charge
            for name, charge in zip(names, charges, strict=True)
            if name not in world.kept and name not in world.surpluses
        ]
        unnoted.sort(key=lambda charge: charge.created_at)
        may_be_kept = 0 if any(name in world.kept for name in names) else 1
        for charge in unnoted[may_be_kept:]:
            age = world.read_at - charge.created_at
            if age > world.grace:
                yield Violation(2, order_id, f"nobody gives back the extra charge {charge.id} of {age:.0f} s ago")


def captures_are_ours(world: World) -> Iterator[Violation]:
    """Invariant 3 (L). Reads the gateways' charges, attempts, surplus charges and open operator tasks.

    Every charge taken is that of one succeeded attempt with equal key, reference, amount and currency; or is noted as
    surplus; or is in quarantine. What we say was voided or given back is so at the gateway. The other direction is
    invariant 4.
    """
    for charge in world.captured:
        yield from _captured(world, charge)
    for surplus in world.rows.surpluses:
        yield from _surplus(world, surplus)
    for attempt in world.rows.attempts:
        yield from _voided(world, attempt)


def _captured(world: World, charge: Charge) -> Iterator[Violation]:
    name = (charge.gateway, charge.id)
    attempt = world.kept.get(name)
    if attempt is not None:
        ours = (attempt.payment_id, attempt.gateway_key, attempt.amount, attempt.currency)
        theirs = (charge.reference, charge.key, charge.amount, charge.currency)
        if ours != theirs:
            yield Violation(3, charge.id, f"is {theirs} at {charge.gateway}, and {ours} in attempt {attempt.id}")
    if name in world.kept and name in world.surpluses:
        yield Violation(3, charge.id, f"is kept by {world.kept[name].id} and given back by {world.surpluses[name].id}")
    if attempt is None and name not in world.surpluses and not world.is_quarantined(charge):
        known = "" if charge.reference in world.payments else ", which we do not have"
        yield Violation(3, charge.id, f"was taken at {charge.gateway} for {charge.reference}{known}; nobody knows it")


def _surplus(world: World, surplus: Surplus) -> Iterator[Violation]:
    charge = world.charges.get((surplus.gateway, surplus.gateway_reference))
    if charge is None:
        yield Violation(3, surplus.id, f"there is no charge {surplus.gateway_reference} at {surplus.gateway}")
        return
    ours = (surplus.payment_id, surplus.amount, surplus.currency)
    theirs = (charge.reference, charge.amount, charge.currency)
    if ours != theirs:
        yield Violation(3, surplus.id, f"is {ours}, and the charge {charge.id} is {theirs}")
    if surplus.state == "returned" and charge.status != "canceled":
        yield Violation(3, surplus.id, f"is returned, and the charge {charge.id} is {charge.status}")
    if surplus.state != "returned" and charge.status != "succeeded":
        yield Violation(3, surplus.id, f"is {surplus.state}, and the charge {charge.id} is {charge.status}")


def _voided(world: World, attempt: Attempt) -> Iterator[Violation]:
    name = (attempt.gateway, attempt.gateway_reference)
    charge = world.charges.get(name)
    if attempt.state == "voided" and charge and charge.status in _NOT_DEAD and name not in world.surpluses:
        yield Violation(3, attempt.id, f"is voided, and the charge {charge.id} is {charge.status}")


def successes_are_in_the_ledger(world: World) -> Iterator[Violation]:
    """Invariant 4 (S). Reads succeeded attempts and the gateways' charges.

    A charge that was canceled afterwards did exist; whether we know that by now is a question for invariant 12.
    """
    for (gateway, reference), attempt in world.kept.items():
        charge = world.charges.get((gateway, reference))
        if charge is None:
            yield Violation(4, attempt.id, f"succeeded, and {gateway} has no charge {reference!r}")
        elif charge.status not in {"succeeded", "canceled"}:
            yield Violation(4, attempt.id, f"succeeded, and the charge {reference} is {charge.status}")


def unpaid_payments_took_nothing(world: World) -> Iterator[Violation]:
    """Invariant 11 (L). Reads payments and the gateways' charges."""
    for payment in world.rows.payments:
        charges = world.captured_of_payment.get(payment.id)
        if payment.status in NOT_PAID and charges:
            yield Violation(11, payment.id, f"is {payment.status}, and money was taken: {_names(charges)}")


def paid_payments_took_their_amount(world: World) -> Iterator[Violation]:
    """Invariant 12 (L). Reads payments and the gateways' charges; refunds are beside them there (refunds.py)."""
    for payment in world.rows.payments:
        if payment.status != "success":
            continue
        charges = world.captured_of_payment.get(payment.id, [])
        taken = sum(charge.amount for charge in charges)
        if taken != payment.amount or len({charge.gateway for charge in charges}) != 1:
            yield Violation(12, payment.id, f"is paid with {payment.amount}, and taken is {taken}: {_names(charges)}")


def _names(charges: list[Charge]) -> str:
    return ", ".join(f"{charge.id} ({charge.gateway}, {charge.amount} {charge.currency})" for charge in charges)
