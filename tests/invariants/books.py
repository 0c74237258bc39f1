"""Whether the books balance with what happened and with the gateways, and amounts are amounts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from tests.invariants.evidence import Violation
from tests.invariants.rows import Attempt, Order, Payment, Posting, Refund, Surplus
from tests.invariants.world import World

Balances = dict[str, int]
_WithAmount = Order | Payment | Attempt | Surplus | Refund | Posting


def postings_tell_what_happened(world: World) -> Iterator[Violation]:
    """Invariant 9 (S). Reads postings, attempts, surplus charges and refunds.

    The fold of the postings of each is what its state says: a capture, money owed to the customer, money given back,
    or nothing. They name its gateway and currency.
    """
    postings: dict[str, list[Posting]] = defaultdict(list)
    for posting in world.rows.postings:
        postings[posting.entity_id].append(posting)
    moved: list[Attempt | Surplus | Refund] = [*world.rows.attempts, *world.rows.surpluses, *world.rows.refunds]
    for entity in moved:
        of_entity = postings.pop(entity.id, [])
        found, expected = _balances(of_entity), _expected(entity)
        if found != expected:
            yield Violation(9, entity.id, f"is {entity.state}, so its postings should come to {expected}, not {found}")
        if isinstance(entity, Surplus) and entity.taken == (not of_entity):
            yield Violation(9, entity.id, "was never posted" if entity.taken else "was posted, and took no money")
        if any((posting.gateway, posting.currency) != (entity.gateway, entity.currency) for posting in of_entity):
            yield Violation(9, entity.id, "was posted for another gateway or currency")
    for entity_id in postings:
        yield Violation(9, entity_id, "was posted, and there is no such attempt, surplus charge or refund")


def books_agree_with_the_gateways(world: World) -> Iterator[Violation]:
    """Invariant 9 (L). Reads postings and the gateways' charges and refunds, but for those in quarantine."""
    ours: Counter[tuple[str, str]] = Counter()
    for posting in world.rows.postings:
        name = (posting.gateway, posting.currency)
        ours[name] += posting.amount * ((posting.debit == "gateway_balance") - (posting.credit == "gateway_balance"))
    theirs: Counter[tuple[str, str]] = Counter()
    for charge in world.captured:
        if not world.is_quarantined(charge):
            theirs[charge.gateway, charge.currency] += charge.amount
    for one in world.ledgers.refunds:
        if one.status == "succeeded" and world.refund_of(one) is not None:
            theirs[one.gateway, one.currency] -= one.amount
    for gateway, currency in sorted({*ours, *theirs}):
        name = (gateway, currency)
        if ours[name] != theirs[name]:
            text = f"our books have {ours[name]} there, and the gateway has {theirs[name]}"
            yield Violation(9, f"{gateway} {currency}", text)


def _balances(postings: Iterable[Posting]) -> Balances:
    """Return the accounts that are not zero: debits positive, credits negative."""
    found: Counter[str] = Counter()
    for posting in postings:
        found[posting.debit] += posting.amount
        found[posting.credit] -= posting.amount
    return {account: amount for account, amount in found.items() if amount}


def _expected(entity: Attempt | Surplus | Refund) -> Balances:
    if isinstance(entity, Refund):
        return {"refunds": entity.amount, "gateway_balance": -entity.amount} if entity.state == "succeeded" else {}
    if isinstance(entity, Attempt):
        return {"gateway_balance": entity.amount, "sales": -entity.amount} if entity.state == "succeeded" else {}
    if entity.state == "returned" or not entity.taken:
        return {}
    return {"gateway_balance": entity.amount, "customer_owed": -entity.amount}


def amounts_are_amounts(world: World) -> Iterator[Violation]:
    """Invariant 10 (S). Reads orders, payments, attempts, surplus charges, refunds and postings.

    Amounts are whole minor units above zero; an order, its payments, their attempts, surplus charges and refunds share
    one currency, and all but surplus charges and refunds one amount.
    """
    rows = world.rows
    moved: list[_WithAmount] = [*rows.attempts, *rows.surpluses, *rows.refunds, *rows.postings]
    with_amounts: list[_WithAmount] = [*rows.orders, *rows.payments, *moved]
    for row in with_amounts:
        if type(row.amount) is not int or row.amount <= 0:
            yield Violation(10, str(row.id), f"has the amount {row.amount!r}")
    for payment in rows.payments:
        order = world.orders[payment.order_id]
        if (payment.amount, payment.currency) != (order.amount, order.currency):
            yield Violation(10, payment.id, f"is not of its order's amount: {payment.amount} {payment.currency}")
    for attempt in rows.attempts:
        paid = world.payments[attempt.payment_id]
        if (attempt.amount, attempt.currency) != (paid.amount, paid.currency):
            yield Violation(10, attempt.id, f"is not of its payment's amount: {attempt.amount} {attempt.currency}")
    moved_back: list[Surplus | Refund] = [*rows.surpluses, *rows.refunds]
    for returned in moved_back:
        if returned.currency != world.payments[returned.payment_id].currency:
            yield Violation(10, returned.id, f"is not of its payment's currency: {returned.currency}")
