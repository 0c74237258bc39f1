"""Turns movements of money into postings."""

from typing import Final

from payments.models import Attempt, LedgerPosting, SurplusCharge

GATEWAY_BALANCE: Final = "gateway_balance"
SALES: Final = "sales"
# What a gateway took without any right, until it is given back.
CUSTOMER_OWED: Final = "customer_owed"


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


def _posting(moved: Attempt | SurplusCharge, *, debit: str, credit: str) -> LedgerPosting:
    return LedgerPosting(
        payment_id=moved.payment_id,
        entity_id=moved.pk,
        gateway=moved.gateway,
        currency=moved.currency,
        debit=debit,
        credit=credit,
        amount=moved.amount,
    )
