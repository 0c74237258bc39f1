"""Whether clients were told the truth, by what they wrote down."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from tests.invariants.evidence import Violation
from tests.invariants.read_histories import Exchange
from tests.invariants.world import KEY_LIFE, World

Group = dict[tuple[frozenset[int], str], list[Exchange]]

# A refusal that looks at what was accepted before; others (busy, not allowed, not understood) come ahead of that look.
_CONSIDERED: Final = frozenset({404, 409, 410, 422})
_PROBLEM: Final = ("type", "title", "status", "code", "retryable", "timestamp")


def repeats_get_the_first_answer(world: World) -> Iterator[Violation]:
    """Invariant 14 (S). Reads the clients' histories.

    Of one request under one key, all answers that accept it are alike in status code, payment, amount and currency,
    and all but the first say that they are replays. Once it was accepted, it is not refused.
    """
    for (_, key), exchanges in _by_key(world).items():
        same: dict[str, list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            same[exchange.fingerprint].append(exchange)
        for alike in same.values():
            accepted = _within_life([exchange for exchange in alike if exchange.accepted])
            if not accepted:
                continue
            told = {_told(exchange) for exchange in accepted}
            if len(told) > 1:
                yield Violation(14, key, f"was answered in different ways: {sorted(told)}")
            if sum(not exchange.replayed for exchange in accepted) > 1:
                yield Violation(14, key, "has several answers that do not say they are replays")
            for exchange in _sent_after(alike, accepted[0]):
                if exchange.status in _CONSIDERED:
                    yield Violation(14, key, f"was accepted, and the same request was refused later: {exchange.status}")


def another_request_under_a_key_is_refused(world: World) -> Iterator[Violation]:
    """Invariant 15 (S). Reads the clients' histories. That the refusal wrote nothing is seen by 16 and 18."""
    for (_, key), exchanges in _by_key(world).items():
        accepted = _within_life([exchange for exchange in exchanges if exchange.accepted])
        if not accepted:
            continue
        if len({exchange.fingerprint for exchange in accepted}) > 1:
            yield Violation(15, key, "was accepted for different requests")
        for exchange in _sent_after(exchanges, accepted[0]):
            other = exchange.fingerprint != accepted[0].fingerprint
            if other and exchange.status in _CONSIDERED and exchange.status != 422:
                yield Violation(15, key, f"was used for another request, and that was answered {exchange.status}")


def accepted_payments_exist(world: World) -> Iterator[Violation]:
    """Invariant 17 (L). Reads the clients' histories and payments."""
    for exchange in world.exchanges:
        if not exchange.accepted:
            continue
        payment = world.payments.get(str(exchange.body.get("paymentID")))
        promised = (exchange.body.get("amountMinor"), exchange.body.get("currency"))
        if payment is None or payment.client_id not in world.client_ids(exchange.client):
            yield Violation(17, exchange.key, f"was accepted as {exchange.body.get('paymentID')}, which is not there")
        elif (payment.amount, payment.currency) != promised:
            text = f"was accepted with {promised}, and {payment.id} is of {payment.amount} {payment.currency}"
            yield Violation(17, exchange.key, text)


def refused_requests_did_nothing(world: World) -> Iterator[Violation]:
    """Invariant 18 (L). Reads the clients' histories, payments and idempotency records.

    A key all of whose requests were refused has no payment and no record. Without a payment there is no gateway
    call: invariant 25 sees those.
    """
    paid = {(payment.client_id, payment.idempotency_key): payment.id for payment in world.rows.payments}
    named = {(record.client_id, record.key): record.payment_id for record in world.rows.records}
    for (client_ids, key), exchanges in _by_key(world).items():
        if not all(exchange.refused for exchange in exchanges):
            continue
        for client_id in client_ids:
            done = paid.get((client_id, key)) or named.get((client_id, key))
            if done:
                yield Violation(18, key, f"was only ever refused, and there is {done}")


def errors_are_told_properly(world: World) -> Iterator[Violation]:
    """Invariant 42 (S). Reads the clients' histories: no server error but 503, and every error is a problem document.

    Whether a 503 came during an outage, and with Retry-After, is not in a history.
    """
    for exchange in world.exchanges:
        status = exchange.status
        if status is None or status < 400:
            continue
        if status >= 500 and status != 503:
            yield Violation(42, exchange.key, f"was answered {status}")
        elif any(name not in exchange.body for name in _PROBLEM) or exchange.body["status"] != status:
            yield Violation(42, exchange.key, f"was answered {status} without a problem document")


def _by_key(world: World) -> Group:
    found: Group = defaultdict(list)
    for exchange in world.exchanges:
        found[world.client_ids(exchange.client), exchange.key].append(exchange)
    return found


def _within_life(accepted: list[Exchange]) -> list[Exchange]:
    """Return those that came while the key of the first was surely kept."""
    return [exchange for exchange in accepted if exchange.answered_at - accepted[0].answered_at < KEY_LIFE]


def _sent_after(exchanges: list[Exchange], first: Exchange) -> list[Exchange]:
    ends_at = first.answered_at + KEY_LIFE
    return [
        exchange for exchange in exchanges if first.answered_at < exchange.sent_at and exchange.answered_at < ends_at
    ]


def _told(exchange: Exchange) -> tuple[str, ...]:
    body = exchange.body
    return tuple(map(str, (exchange.status, body.get("paymentID"), body.get("amountMinor"), body.get("currency"))))
