"""Whether keys do what they are for: one payment under a client's key, one charge under ours."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from tests.invariants.evidence import Violation
from tests.invariants.rows import Attempt, Entry, Payment, Request
from tests.invariants.tables import CLOSED, LIVE_OR_SUCCESSFUL
from tests.invariants.world import KEY_LIFE, World

# Seconds: clients' keys are kept at least this long, the shortest life that can be set.
_SHORTEST_LIFE: Final = 60 * 60
# Seconds by which a gateway's clock may differ from our database's.
_SKEW: Final = 1.0


def one_payment_per_key_and_order(world: World) -> Iterator[Violation]:
    """Invariant 16 (S). Reads payments and idempotency records.

    One key makes two payments only where it may have expired between them; an order never has two payments that are
    live or successful.
    """
    by_key: dict[tuple[int, str], list[Payment]] = defaultdict(list)
    by_order: dict[str, list[Payment]] = defaultdict(list)
    for payment in sorted(world.rows.payments, key=lambda payment: payment.created_at):
        by_key[payment.client_id, payment.idempotency_key].append(payment)
        if payment.status in LIVE_OR_SUCCESSFUL:
            by_order[payment.order_id].append(payment)
    for (_, key), payments in by_key.items():
        for first, second in pairwise(payments):
            if second.created_at - first.created_at < _SHORTEST_LIFE:
                yield Violation(16, key, f"made {first.id} and {second.id}")
    for order_id, payments in by_order.items():
        if len(payments) > 1:
            told = ", ".join(f"{payment.id} ({payment.status})" for payment in payments)
            yield Violation(16, order_id, f"has several payments that live or succeeded: {told}")
    yield from _records(world)


def _records(world: World) -> Iterator[Violation]:
    seen: set[tuple[int, str, str]] = set()
    for record in world.rows.records:
        name = (record.client_id, record.operation, record.key)
        payment = world.payments.get(record.payment_id)
        if name in seen:
            yield Violation(16, record.key, "has several records")
        seen.add(name)
        if payment is None or payment.client_id != record.client_id or payment.request_hash != record.request_hash:
            yield Violation(16, record.key, f"names {record.payment_id}, which is not what was asked for under it")


def one_payload_per_gateway_key(world: World) -> Iterator[Violation]:
    """Invariant 21 (S). Reads the gateways' requests, attempts and audit entries.

    A key was sent to one gateway, with one payload, within its life there. When another attempt of a payment was
    started, the audit trail says that every earlier one was closed by proof.
    """
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in world.ledgers.requests:
        requests[request.key].append(request)
    for key, sent in requests.items():
        if len({request.digest for request in sent}) > 1:
            yield Violation(21, key, "was sent with several payloads")
        if len({request.gateway for request in sent}) > 1:
            yield Violation(21, key, "was sent to several gateways")
        times = [request.at for request in sent]
        if max(times) - min(times) > KEY_LIFE:
            yield Violation(21, key, "was sent again after its life")
    for attempts in world.attempts_of.values():
        for number, attempt in enumerate(attempts):
            yield from _started_too_early(world, attempt, attempts[:number])


def _started_too_early(world: World, attempt: Attempt, earlier: list[Attempt]) -> Iterator[Violation]:
    start = world.starts.get(attempt.gateway_key)
    if start is None:
        return  # invariant 22 reports it
    for other in earlier:
        state = _state_before(world.trails.get(other.id, []), start)
        if state not in CLOSED:
            yield Violation(21, attempt.id, f"was started while {other.gateway_key} was {state}")


def _state_before(entries: list[Entry], entry_id: int) -> str:
    return next((entry.after for entry in reversed(entries) if entry.id < entry_id), "sent")


def one_payload_per_refund_key(world: World) -> Iterator[Violation]:
    """Invariant 21 (S). Reads the gateways' requests to refund, refunds, their attempts and audit entries.

    A refund's key is its id: sent to one gateway, with one payload, within its life there unless it was proven in
    between that nothing happened. Another attempt is started only after such proof.
    """
    requests: dict[str, list[Request]] = defaultdict(list)
    for request in world.ledgers.refund_requests:
        requests[request.key].append(request)
    for key, sent in requests.items():
        if len({(request.digest, request.gateway) for request in sent}) > 1:
            yield Violation(21, key, "was sent with several payloads, or to several gateways")
        times = [request.at for request in sent]
        if max(times) - min(times) > KEY_LIFE and len(world.refund_attempts_of.get(key, ())) < 2:
            yield Violation(21, key, "was sent again after its life")
    for refund_id, attempts in world.refund_attempts_of.items():
        starts = {entry.started_number: entry.id for entry in reversed(world.trails.get(refund_id, []))}
        for earlier, attempt in pairwise(attempts):
            start = starts.get(str(attempt.number))
            state = "sent" if start is None else _state_before(world.trails.get(earlier.id, []), start)
            if start is not None and state not in CLOSED:
                yield Violation(21, attempt.id, f"was started while attempt {earlier.number} was {state}")


def refund_requests_were_written_down_first(world: World) -> Iterator[Violation]:
    """Invariant 25 (S). Reads the gateways' requests to refund, refunds and their attempts."""
    for request in world.ledgers.refund_requests:
        if request.at >= world.read_at:
            continue
        refund, attempts = world.refunds.get(request.key), world.refund_attempts_of.get(request.key, [])
        if refund is None or not attempts:
            yield Violation(25, request.key, f"arrived at {request.gateway}, and no attempt to refund has this key")
        elif (refund.gateway, refund.payment_id) != (request.gateway, request.reference):
            yield Violation(25, request.key, f"arrived at {request.gateway} for {request.reference}")
        elif attempts[0].sent_at > request.at + _SKEW:
            early = attempts[0].sent_at - request.at
            yield Violation(25, request.key, f"arrived {early:.1f} s before it was written down")


def requests_were_written_down_first(world: World) -> Iterator[Violation]:
    """Invariant 25 (S). Reads the gateways' requests and attempts.

    Each request that arrived before our database was read has its attempt there: same key, gateway and payment, and
    not younger than the request.
    """
    for request in world.ledgers.requests:
        if request.at >= world.read_at:
            continue
        attempt = world.attempts_by_key.get(request.key)
        if attempt is None:
            yield Violation(25, request.key, f"arrived at {request.gateway}, and no attempt has this key")
        elif (attempt.gateway, attempt.payment_id) != (request.gateway, request.reference):
            text = f"arrived at {request.gateway} for {request.reference}; the attempt is for {attempt.gateway}"
            yield Violation(25, request.key, f"{text} and {attempt.payment_id}")
        elif attempt.sent_at > request.at + _SKEW:
            yield Violation(25, request.key, f"arrived {attempt.sent_at - request.at:.1f} s before it was written down")
