"""Whether refunds stay within the capture, are made once, and by whom they may be made."""

from collections import Counter
from collections.abc import Iterator

from tests.invariants.evidence import Violation
from tests.invariants.rows import Payment, Refund, Returned
from tests.invariants.tables import EXECUTED, REFUND_OPEN, RESERVED
from tests.invariants.world import World

# What the gateway says of a refund → the states in which ours may be then.
_SAME = {"succeeded": {"succeeded"}, "failed": {"failed"}, "pending": {"processing"}}


def refunds_stay_within_the_capture(world: World) -> Iterator[Violation]:
    """Invariant 5 (S). Reads payments, refunds and disputes: the sums never exceed, and the counters are the sums."""
    sums: dict[str, Counter[str]] = {payment.id: Counter() for payment in world.rows.payments}
    for refund in world.rows.refunds:
        found = sums[refund.payment_id]
        found["refund_reserved"] += refund.amount * (refund.state in RESERVED)
        found["refunded"] += refund.amount * (refund.state == "succeeded")
    for dispute in world.rows.disputes:
        found = sums[dispute.payment_id]
        found["disputed"] += dispute.amount * (dispute.status == "needs_response")
        found["charged_back"] += dispute.amount * (dispute.status == "lost")
    for payment in world.rows.payments:
        yield from _sums(payment, sums[payment.id])


def _sums(payment: Payment, sums: Counter[str]) -> Iterator[Violation]:
    if sums["refund_reserved"] and sums["refund_reserved"] > payment.amount:
        text = f"is of {payment.amount}, and {sums['refund_reserved']} is refunded or being refunded"
        yield Violation(5, payment.id, text)
    for name in ("refund_reserved", "refunded", "disputed", "charged_back"):
        counted = getattr(payment, name)
        if counted != sums[name]:
            yield Violation(5, payment.id, f"says {name} {counted}, and its rows come to {sums[name]}")
    if sums["refund_reserved"] and payment.status not in {"success", "review"}:
        yield Violation(5, payment.id, f"is {payment.status}, and is refunded")


def gateways_refund_no_more_than_they_took(world: World) -> Iterator[Violation]:
    """Invariant 5 (L). Reads payments and the gateways' charges and refunds.

    Per charge no more than was taken; per payment exactly what we say, unless people are asked about it.
    """
    given: Counter[tuple[str, str]] = Counter()
    for one in world.ledgers.refunds:
        given[one.gateway, one.charge_id] += one.amount * (one.status != "failed")
    for name, amount in given.items():
        charge = world.charges.get(name)
        if charge is None or amount > (charge.amount if charge.status == "succeeded" else 0):
            yield Violation(5, name[1], f"gave back {amount} of {'nothing' if charge is None else charge.amount}")
    for payment in world.rows.payments:
        theirs = sum(one.amount for one in world.returned_of_payment.get(payment.id, []) if one.status == "succeeded")
        if theirs != payment.refunded and not world.is_asked(payment.id, "refund_mismatch"):
            yield Violation(5, payment.id, f"says that {payment.refunded} was refunded, and the gateways say {theirs}")


def gateways_refunds_are_ours(world: World) -> Iterator[Violation]:
    """Invariant 6 (L). Reads refunds, attempts, open operator tasks and the gateways' refunds.

    Each refund at a gateway is that of one row of ours with equal payment, charge, amount, currency and end, which may
    be one that was imported; or people are asked about it. So one request is one refund at most.
    """
    for one in world.ledgers.refunds:
        if world.is_asked(one.reference, "refund_mismatch"):
            continue
        refund = world.refund_of(one)
        if refund is None:
            if one.status != "failed":
                yield Violation(6, one.id, f"gave back {one.amount} of {one.reference}; nobody knows it")
        else:
            yield from _same(world, refund, one)


def _same(world: World, refund: Refund, one: Returned) -> Iterator[Violation]:
    charge = world.attempts[refund.charge_id].gateway_reference
    ours = (refund.payment_id, charge, refund.amount, refund.currency)
    theirs = (one.reference, one.charge_id, one.amount, one.currency)
    if ours != theirs:
        yield Violation(6, one.id, f"is {theirs} at {one.gateway}, and {ours} in {refund.id}")
    if refund.state not in _SAME.get(one.status, ()):
        yield Violation(6, refund.id, f"is {refund.state}, and at {one.gateway} {one.id} is {one.status}")


def refunded_money_is_in_the_ledger(world: World) -> Iterator[Violation]:
    """Invariant 6 (S). Reads refunds and the gateways' refunds: what we say was given back was, whatever came later."""
    there = {(one.gateway, one.id) for one in world.ledgers.refunds}
    for refund in world.rows.refunds:
        if refund.state == "succeeded" and (refund.gateway, refund.gateway_reference) not in there:
            text = f"succeeded, and {refund.gateway} has no refund {refund.gateway_reference!r}"
            yield Violation(6, refund.id, text)


def one_refund_per_key(world: World) -> Iterator[Violation]:
    """Invariant 6 (S). Reads refunds and their attempts: one for each key, and one open or good attempt of each."""
    keys = Counter((refund.client_id, refund.idempotency_key) for refund in world.rows.refunds)
    for (_, key), count in keys.items():
        if count > 1:
            yield Violation(6, key, f"made {count} refunds")
    for refund_id, attempts in world.refund_attempts_of.items():
        if sum(attempt.state in REFUND_OPEN for attempt in attempts) > 1:
            yield Violation(6, refund_id, "has several attempts that may have given the money back")


def refunds_are_somebodys_and_approved(world: World) -> Iterator[Violation]:
    """Invariant 7 (S). Reads refunds, bulk refunds and audit entries.

    Each names who asked. One that needs a second person went on only after one, who approved exactly these parameters;
    that of a bulk refund was approved with its list.
    """
    for refund in world.rows.refunds:
        if not refund.requested_by.strip():
            yield Violation(7, refund.id, "was asked for by nobody")
        if refund.needs_approval and refund.state in EXECUTED:
            yield from _approved(world, refund)
    for bulk in world.rows.bulk_refunds:
        went_on = bulk.needs_approval and bulk.state in {"running", "stopped", "done"}
        if went_on and bulk.approved_by in {"", bulk.requested_by}:
            yield Violation(7, bulk.id, f"is {bulk.state}, and nobody else approved it")


def _approved(world: World, refund: Refund) -> Iterator[Violation]:
    if refund.approved_by in {"", refund.requested_by}:
        yield Violation(7, refund.id, f"is {refund.state}, and nobody else approved it")
        return
    approvals = {
        (entry.actor, entry.approved_hash)
        for entry in world.trails.get(refund.id, [])
        if entry.action == "refund.approved"
    }
    if refund.origin != "bulk" and (refund.approved_by, refund.parameters_hash) not in approvals:
        yield Violation(7, refund.id, f"no entry tells that {refund.approved_by} approved these parameters")


def refunds_are_finished(world: World) -> Iterator[Violation]:
    """Invariant 13 (L). Reads refunds, their attempts, bulk refunds and open operator tasks.

    What waits for a person's approval waits until it lapses; what nobody can find out is a question to people; what
    the gateway says is not done yet is asked about again.
    """
    pending = {one.id for one in world.ledgers.refunds if one.status == "pending"}
    for refund in world.rows.refunds:
        waits = refund.state == "awaiting_approval" and refund.due_at is not None
        asked = world.is_asked(refund.payment_id, "refund_unknown") and refund.state in {"unknown", "processing"}
        if refund.state in RESERVED - {"succeeded"} and not (waits or asked or refund.gateway_reference in pending):
            yield Violation(13, refund.id, f"is still {refund.state}")
    for attempt in world.rows.refund_attempts:
        if attempt.state == "sent":
            yield Violation(13, attempt.id, "is still sent")
    for bulk in world.rows.bulk_refunds:
        if bulk.state == "running":
            yield Violation(13, bulk.id, "is still running")
