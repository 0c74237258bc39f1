"""Turns movements of money into postings."""

from typing import Final, Protocol

from payments.models import Attempt, LedgerPosting, SurplusCharge

GATEWAY_BALANCE: Final = "gateway_balance"
SALES: Final = "sales"
# What a gateway took without any right, until it is given back.
CUSTOMER_OWED: Final = "customer_owed"
REFUNDS: Final = "refunds"


class Movement(Protocol):
    """What moved money: an attempt, a refund …. amount: minor units."""

    pk: str
    payment_id: str
    gateway: str
    currency: str
    amount: int


def capture(attempt: Attempt) -> LedgerPosting:
    """Return the posting of a successful charge: the gateway owes us the money, and it is a sale."""
    return _posting(attempt, debit=GATEWAY_BALANCE, credit=SALES)


def voided(attempt: Attempt) -> LedgerPosting:
    """Return the posting of a charge that was undone at the gateway after it had succeeded: no sale any more."""
    return _posting(attempt, debit=SALES, credit=GATEWAY_BALANCE)


def surplus_found(surplus: SurplusCharge) -> LedgerPosting:
    """Return the posting of a charge that no payment may keep: the gateway has the money, and it is the customer's."""
    return _posting(surplus, debit=GATEWAY_BALANCE, credit=CUSTOMER_OWED)


def surplus_returned(surplus: SurplusCharge) -> LedgerPosting:
    """Return the posting of the day on which it was given back."""
    return _posting(surplus, debit=CUSTOMER_OWED, credit=GATEWAY_BALANCE)


def refunded(refund: Movement) -> LedgerPosting:
    """Return the posting of a refund that succeeded: the gateway gives the money back to the customer."""
    return _posting(refund, debit=REFUNDS, credit=GATEWAY_BALANCE)


def refund_bounced(refund: Movement) -> LedgerPosting:
    """Return the posting of a refund that came back from the customer's bank after it had succeeded."""
    return _posting(refund, debit=GATEWAY_BALANCE, credit=REFUNDS)


def _posting(moved: Movement, *, debit: str, credit: str) -> LedgerPosting:
    return LedgerPosting(
        payment_id=moved.payment_id,
        entity_id=moved.pk,
        gateway=moved.gateway,
        currency=moved.currency,
        debit=debit,
        credit=credit,
        amount=moved.amount,
    )
